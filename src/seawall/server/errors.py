"""Every expected failure becomes one JSON object that says what, where and what to do."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException

from seawall.kernel import SeawallError

log = structlog.get_logger("seawall.server")


def told(request: Request[Any, Any, Any], error: SeawallError) -> Response[dict[str, str]]:
    """A kernel error with its own HTTP status."""
    return _answer(request, error.http, error.what, error.where, error.remedy)


def refused(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, str]]:
    """The framework's own refusals (no such path, malformed body) in the same shape."""
    what = error.detail
    if isinstance(error, ValidationException) and error.extra:
        what = "; ".join(
            f"{e.get('key', '')}: {e.get('message', '')}".strip(": ")
            for e in error.extra
            if isinstance(e, dict)
        )
    return _answer(request, error.status_code, what, request.url.path, "")


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    """A fault of ours: the caller learns that it was, the log learns which."""
    log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    remedy = "look for this moment in the server's log"
    return _answer(request, 500, "the control plane failed", request.url.path, remedy)


def _answer(
    request: Request[Any, Any, Any], status: int, what: str, where: str, remedy: str
) -> Response[dict[str, str]]:
    body = {"error": what, "where": where, "remedy": remedy}
    if "text/html" in request.headers.get("accept", "") and "/api/" not in request.url.path:
        from seawall.server.site import error_page

        return error_page(request, status, what, where, remedy)
    return Response(body, status_code=status, media_type=MediaType.JSON)
