"""A small log on disk, written with the pure parts of `seawall.audit`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seawall.audit.checkpoint import VerifierKey, checkpoint_body, sign_note
from seawall.audit.entry import Entry, canonical
from seawall.audit.merkle import leaf_hash, root_hash
from seawall.audit.tiles import bundle_bytes, bundle_path, tile_bytes, tiles_of

ORIGIN = "example.com/seawall"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = str(VerifierKey.of(ORIGIN, PRIVATE))
START = datetime(2026, 1, 1, tzinfo=UTC)


def make_entry(number: int, **detail: object) -> bytes:
    return canonical(
        Entry(
            id=f"id-{number}",
            time=START + timedelta(seconds=number),
            actor="ana",
            action="registry:version:registered",
            subject=f"income@{number}",
            detail=detail,
        )
    )


def rows_of(entries: list[bytes]) -> list[list[bytes]]:
    rows = [[leaf_hash(entry) for entry in entries]]
    while len(rows[-1]) >= 256:
        row = rows[-1]
        rows.append([root_hash(row[i : i + 256]) for i in range(0, len(row) // 256 * 256, 256)])
    return rows


def write_tiles(folder: Path, entries: list[bytes], since: int = 0) -> None:
    rows = rows_of(entries)
    for tile in tiles_of(len(entries), since):
        span = slice(tile.index * 256, tile.index * 256 + tile.width)
        files = {tile.path: tile_bytes(rows[tile.level][span])}
        if tile.level == 0:
            files[bundle_path(tile.index, tile.width)] = bundle_bytes(entries[span])
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


def signed(entries: list[bytes], origin: str = ORIGIN) -> bytes:
    root = root_hash([leaf_hash(entry) for entry in entries])
    return sign_note(checkpoint_body(origin, len(entries), root), origin, PRIVATE)


def write_log(folder: Path, entries: list[bytes], since: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_tiles(folder, entries, since)
    (folder / "checkpoint").write_bytes(signed(entries))
    return folder
