"""The audit log: verify, show, prove, checkpoint, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json, Url, client, emit
from seawall.cli.proof import prove

group = typer.Typer(help="The audit log.", no_args_is_help=True)
Folder = typer.Argument(None, help="A copy of the log; without it, the control plane's own.")


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="audit")


@group.command()
def verify(
    folder: Path | None = Folder,
    key: str | None = typer.Option(  # the control plane's own word is no proof against itself
        None, "--key", help="The verifier key, or a file with it."
    ),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Check every tile, entry and signature; names the first that was altered."""
    import tempfile

    from seawall.kernel import BadInput
    from seawall_verify import Malformed
    from seawall_verify import verify as verify_folder

    try:
        if folder is None:
            with client(url) as server, tempfile.TemporaryDirectory() as copy:
                told = _copy(server, Path(copy))
                report = verify_folder(Path(copy), _text(key) if key else told["key"])
        else:
            report = verify_folder(folder, _text(key) if key else _server_key(url))
    except Malformed as error:
        raise BadInput(str(error)) from error
    emit(report.to_dict(), as_json, lambda c: c.print(report.sentence, markup=False))
    raise typer.Exit(0 if report.ok else 1)


@group.command()
def show(
    subject: str = typer.Argument("", help="Of one subject: a version, an endpoint, an id."),
    action: str | None = typer.Option(None, "--action", help="Of one kind of act."),
    count: int = typer.Option(20, "--count", min=1, max=1_000),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """The newest entries."""
    with client(url) as server:
        found = server.get("/audit/entries", subject=subject or None, action=action, count=count)

    def text(terminal: Any) -> None:
        if not found:
            asked = f" of {subject!r}" * bool(subject) + f" of the act {action!r}" * bool(action)
            terminal.print(
                f"No entry{asked}; acts are named as in rollout:step:advance, subjects as in "
                "income@3.",
                markup=False,
            )
        for e in found:
            place = "pending" if e["index"] is None else f"{e['index']:>7,}"
            actor = e["actor"]
            when = e["time"][:19]
            terminal.print(f"{place}  {when}  {actor}  {e['action']}  {e['subject']}", markup=False)

    emit(found, as_json, text)


@group.command()
def checkpoint(as_json: bool = Json, url: str | None = Url) -> None:
    """The signed tree head, as others' tools verify it."""
    with client(url) as server:
        note = server.get_log_file("checkpoint").decode()
    emit({"checkpoint": note}, as_json, lambda c: c.out(note, end="", highlight=False))


@group.command()
def key(as_json: bool = Json, url: str | None = Url) -> None:
    """The key that checkpoints are verified with; keep it where the control plane cannot write."""
    known = _server_key(url)
    emit({"key": known}, as_json, lambda c: c.out(known, highlight=False))


group.command("prove")(prove)


@group.command()
def export(
    folder: Path = typer.Argument(help="An empty folder."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Copy the whole log and its key, for somebody who verifies it elsewhere."""
    from seawall.kernel import BadInput

    if folder.is_file():
        raise BadInput("this is a file", where=str(folder), remedy="name a folder")
    if folder.exists() and any(folder.iterdir()):
        raise BadInput("the folder is not empty", where=str(folder), remedy="name a new one")
    with client(url) as server:
        try:
            told = _copy(server, folder)
            (folder / "key").write_text(told["key"] + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"cannot write {folder}: {error.strerror}") from error
    line = f"{told['size']:,} entries in {folder}: seawall-verify {folder} --key {folder}/key"
    emit(told, as_json, lambda c: c.print(line, soft_wrap=True))


def _copy(server: Any, folder: Path) -> dict[str, Any]:
    """Fetch checkpoint, tiles and entries; returns what the server says of its key."""
    from seawall.audit.checkpoint import VerifierKey, open_checkpoint
    from seawall.audit.tiles import bundle_path, tiles_of

    told = server.get("/audit/key")
    note = server.get_log_file("checkpoint")
    size = open_checkpoint(note, VerifierKey.parse(told["key"])).size
    paths = [tile.path for tile in tiles_of(size)]
    full, rest = divmod(size, 256)
    paths += [bundle_path(i) for i in range(full)] + ([bundle_path(full, rest)] if rest else [])
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(server.get_log_file(path))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint").write_bytes(note)
    return told | {"size": size}


def _server_key(url: str | None) -> str:
    with client(url) as server:
        return server.get("/audit/key")["key"]


def _text(given: str) -> str:
    """A key as given, or from the file of that name."""
    path = Path(given)
    return path.read_text(encoding="utf-8").strip() if path.is_file() else given
