"""The files that the pages need, each served from its content's own address so it can be cached.

`/static/{build}/{name}`: `build` is a digest of all of them, so an upgrade changes every address
and modules can import one another by relative path. The chart library is made from the package
`vl-convert-python` (extra `charts`) at first use and kept in memory; without that package the
charts drawn by the server stay as they are.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import msgspec

from seawall.kernel import NotFound, nearest

FOLDER = Path(__file__).parent / "static"
CHART_LIBRARY = "vega.js"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

ASSET_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=31536000, immutable",
}


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent; `gzipped` for a client that accepts the encoding."""

    body: bytes
    media_type: str
    gzipped: bytes


@functools.cache
def build() -> str:
    """A short digest of everything served, which stands in the address of each."""
    digest = hashlib.sha256(_library_version().encode())
    for file in sorted(FOLDER.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _library_version() -> str:
    try:
        return metadata.version("vl-convert-python")
    except metadata.PackageNotFoundError:
        return ""


def address(name: str) -> str:
    """Where a file is served."""
    return f"/static/{build()}/{name}"


@functools.cache
def load(name: str) -> Asset:
    """A file by its name; raises `NotFound` for an unknown one, or the library without its extra.

    Making the chart library takes about a second, once; call it from a thread.
    """
    if name == CHART_LIBRARY:
        body = _chart_library()
    else:
        known = {file.name: file for file in FOLDER.iterdir() if file.suffix in _TYPES}
        if name not in known:
            raise NotFound(f"no file {name[:60]!r}", where="/static", remedy=nearest(name, known))
        body = known[name].read_bytes()
    kind = _TYPES[Path(name).suffix]
    return Asset(body, kind, gzip.compress(body, 6, mtime=0))


def _chart_library() -> bytes:
    try:
        import vl_convert
    except ImportError as missing:
        raise NotFound(
            "the chart library is not installed",
            where="/static",
            remedy="pip install 'seawall[charts]'",
        ) from missing
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode()
