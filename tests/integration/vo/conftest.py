"""Tests of the VO services run on their addresses alone and leave no connection behind."""

import pytest


@pytest.fixture(autouse=True)
def closed_pools():
    """The pool's connections would keep the test database from being dropped."""
    yield
    from vo.tap.executor import close_pools

    close_pools()
