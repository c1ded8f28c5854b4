"""The web pages' routes."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Request, Response, get


def error_page(
    request: Request[Any, Any, Any], status: int, what: str, where: str, remedy: str
) -> Response[Any]:
    """A failure as a page."""
    del request
    return Response(f"{what}\n{where}\n{remedy}", status_code=status, media_type=MediaType.TEXT)


@get("/healthz", sync_to_thread=False)
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


HANDLERS: list[Any] = [healthz]
