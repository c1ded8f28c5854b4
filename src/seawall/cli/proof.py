"""`decision prove` and `audit prove`: the proof of a decision as a file."""

from __future__ import annotations

from pathlib import Path

import typer

from seawall.cli.context import Json, Url, client, emit
from seawall.cli.files import check_place, write_bytes


def prove(
    decision: str = typer.Argument(help="A decision's id."),
    out: Path = typer.Option(..., "--out", help="Where to write the proof."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """The proof of a decision, for `seawall-verify --decision`."""
    check_place(out)
    with client(url) as server:
        data = server.get_proof(decision)
    write_bytes(out, data)
    line = f"The proof is in {out}: seawall-verify COPY --key COPY/key --decision {out}"
    told = {"decision": decision, "file": str(out), "bytes": len(data)}
    emit(told, as_json, lambda c: c.print(line, markup=False, soft_wrap=True))
