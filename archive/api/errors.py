"""Errors of the JSON API: one sentence and the name of the fault."""

from rest_framework.response import Response
from rest_framework.views import exception_handler

from archive.errors import ArchiveError
from archive.faults import explain, find_fault


def render_error(error: Exception, context: dict[str, object]) -> Response:
    """Turn an exception into ``{"error": {"fault": ..., "message": ...}}``; a bug gets a reference, not a traceback."""
    response = None if isinstance(error, ArchiveError) else exception_handler(error, context)
    if response is not None:
        detail = response.data.get("detail", response.data) if isinstance(response.data, dict) else response.data
        response.data = {"error": {"fault": "UsageFault", "message": str(detail)}}
        return response
    said = explain(error)
    fault = find_fault(said)
    return Response({"error": {"fault": fault.name, "message": str(said)}}, status=fault.status)
