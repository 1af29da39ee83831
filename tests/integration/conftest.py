"""What tests with a database need beyond pytest-django."""

import pytest


@pytest.fixture(autouse=True)
def reference_rows(request):
    """Put back instruments and catalogues, which the flush between transactional tests removes."""
    marker = request.node.get_closest_marker("django_db")
    if marker is not None and marker.kwargs.get("transaction"):
        request.getfixturevalue("transactional_db")
        from archive.services import sync_reference_rows

        sync_reference_rows()
