"""Errors of the JSON API: one sentence and the name of the fault."""

import logging
import uuid

from rest_framework.response import Response
from rest_framework.views import exception_handler

from archive.errors import ArchiveError
from archive.faults import find_fault

logger = logging.getLogger(__name__)


def render_error(error: Exception, context: dict[str, object]) -> Response:
    """Turn an exception into ``{"error": {"fault": ..., "message": ...}}``; a bug gets a reference, not a traceback."""
    if isinstance(error, ArchiveError):
        fault = find_fault(error)
        return Response({"error": {"fault": fault.name, "message": str(error)}}, status=fault.status)
    response = exception_handler(error, context)
    if response is not None:
        detail = response.data.get("detail", response.data) if isinstance(response.data, dict) else response.data
        response.data = {"error": {"fault": "UsageFault", "message": str(detail)}}
        return response
    reference = uuid.uuid4().hex[:12]
    logger.error("internal error, reference %s", reference, exc_info=error)
    message = f"internal error (reference {reference}); please report it with this reference"
    return Response({"error": {"fault": "DefaultFault", "message": message}}, status=500)
