"""Past decisions: shown, proven, told of, a subject's erased; the log kept small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, Url, client, emit
from seawall.cli.decision_shown import show_decision
from seawall.cli.files import check_new, check_place, write_bytes
from seawall.cli.named import moment, public_key
from seawall.cli.proof import prove
from seawall.cli.showing import reported

if TYPE_CHECKING:
    from seawall.sdk.report import Report

group = typer.Typer(help="Past decisions.", no_args_is_help=True)
BATCH = 10_000


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="decision")


@group.command("list")
def list_(
    endpoint: str,
    limit: int = typer.Option(20, "--limit", min=1, max=1_000),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """The newest decisions of an endpoint."""
    with client(url) as server:
        found = server.get(f"/endpoints/{endpoint}/decisions", limit=limit)

    def text(terminal: Any) -> None:
        if not found:
            terminal.print(f"{endpoint} has decided nothing so far.", markup=False)
        _lines(terminal, found)

    emit(found, as_json, text)


@group.command()
def subject(
    name: str = typer.Argument(help="The subject's pseudonym, as the gateway was told it."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Every decision about a subject, oldest first."""
    with client(url) as server:
        found = server.get("/decisions", subject=name)

    def text(terminal: Any) -> None:
        terminal.print("No decision is about this subject." if not found else _count(found) + ".")
        _lines(terminal, found)

    emit(found, as_json, text)


@group.command()
def show(
    key: str,
    proof: Path | None = typer.Option(None, "--proof", help="Write the proof file here."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """One decision whole: input, output, version, arm, guards, what came of it, proof."""
    if proof is not None:
        check_place(proof)
    with client(url) as server:
        found = server.get(f"/decisions/{key}")
        if proof is not None:
            write_bytes(proof, server.get_proof(key))

    emit(found, as_json, lambda c: show_decision(c, found))


group.command("prove")(prove)


@group.command()
@reported
def again(
    key: str = typer.Argument(help="A decision's id."),
    state: Path | None = typer.Option(
        None, "--state", help="A gateway's state folder; without it the control plane is asked."
    ),
    table: str | None = typer.Option(None, "--table", help="The log's tables, beside --state."),
    trust: Path | None = typer.Option(None, "--trust", help="Public key that signed the bundle."),
    keys: Path | None = typer.Option(None, "--keys", help="The keys of an encrypted log."),
    url: str | None = Url,
) -> Report:
    """Perform a past decision again: same bundle, artefact and input must give the same answer."""
    from seawall.kernel import BadInput
    from seawall.report.from_verdict import verdict_of
    from seawall.sdk.again import AgainReport
    from seawall.sdk.again import again as perform

    if state is not None:
        public = None if trust is None else public_key(trust)
        return perform(state, key, table=table, public_key=public, keys=keys)
    if table or trust or keys:
        raise BadInput("--table, --trust and --keys go with --state")
    with client(url) as server:
        body = server.get(f"/decisions/{key}/again")
    verdict = verdict_of(body.pop("verdict"))
    return AgainReport(verdict, body, {"control plane": server.url})


@group.command()
def tell(
    file: Path = typer.Argument(help="Parquet, CSV or JSON lines, with a column decision_id."),
    kind: str = typer.Option(
        "outcomes", "--as", help="outcomes, actions, overrides or events.", metavar="KIND"
    ),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Tell in bulk what came of decisions; rows with their time may be told again."""
    import sys

    from seawall.cli.bulk import rows_of
    from seawall.cli.progress import Bar

    rows, kept = rows_of(file), 0
    bar = Bar(sys.stderr) if sys.stderr.isatty() else None
    with client(url) as server:
        for at in range(0, len(rows), BATCH):
            part = rows[at : at + BATCH]
            kept += server.post(f"/decisions/told/{kind}", {"rows": part})["kept"]
            if bar:
                bar(f"telling {kind}", kept, len(rows))
    emit({"kept": kept}, as_json, lambda c: c.print(f"{kept:,} {kind} are kept.", markup=False))


@group.command()
def audit(
    endpoint: str,
    out: Path = typer.Argument(help="A new Parquet file: `seawall evaluate` reads it."),
    reason: str = typer.Option(..., "--reason", help="What it is for; it goes on record."),
    since: str | None = typer.Option(
        None, "--since", help="From here on: a time, or 12h, 7d ago; by default 30 days."
    ),
    until: str | None = typer.Option(None, "--until", help="Before this; by default now."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Decisions beside the protected attributes that are kept apart from them, into a file."""
    last = datetime.now(UTC) if until is None else moment(until, "--until")
    first = last - timedelta(days=30) if since is None else moment(since, "--since")
    check_new(out)
    body = {"endpoint": endpoint, "since": first, "until": last, "reason": reason}
    with client(url) as server:
        rows = server.post("/decisions/audit", body)["rows"]
    if rows:
        _write_rows(out, rows)
    line = (
        f"{len(rows):,} decisions are in {out}; it names people's protected attributes, so "
        "keep it safe and delete it after the audit."
    )
    nothing = (
        f"No shipped decision of {endpoint} from {first:%Y-%m-%d %H:%M} to "
        f"{last:%Y-%m-%d %H:%M} UTC has an attribute kept apart; no file was written."
    )
    done = {"rows": len(rows), "file": str(out) if rows else None}
    emit(done, as_json, lambda c: c.print(line if rows else nothing, markup=False))


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """As Parquet, which nobody but its owner can read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.touch(mode=0o600)
    names = dict.fromkeys(name for row in rows for name in row)
    pq.write_table(pa.table({n: [row.get(n) for row in rows] for n in names}), path)


@group.command()
def erase(
    subject: str = typer.Argument(help="The subject's pseudonym."),
    reason: str = typer.Option(..., "--reason", help="Why, for the record."),
    field: list[str] = typer.Option(
        [], "--field", help="Only this field (`input.age`); by default all that are about a person."
    ),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Erase a subject's values from every past decision; proofs stay valid."""
    with client(url) as server:
        if not yes:
            count = _count(server.get("/decisions", subject=subject))
            what = ", ".join(field) or "all that is about the person"
            typer.confirm(f"Erase {what} from {count}, for good?", abort=True, err=True)
        body = {"subject": subject, "reason": reason, "fields": field}
        done = server.post("/decisions/erase", body)
    line = (
        f"Erased from {done['decisions']:,} decisions in the table, "
        "with what was told of them; what still waits in a gateway's log is erased as it is "
        "shipped."
    )
    emit(done, as_json, lambda c: c.print(line, markup=False))


@group.command()
def compact(as_json: bool = Json, url: str | None = Url) -> None:
    """Merge small files, end days past their endpoint's retention, finish erasures."""
    with client(url) as server:
        done = server.post("/decisions/compact")

    def text(terminal: Any) -> None:
        for name, (before, after) in done["files"].items():
            terminal.print(f"{name}: {before:,} files, now {after:,}", markup=False)
        for endpoint, days in done["ended"].items():
            terminal.print(f"{endpoint}: {days} days past their retention ended", markup=False)
        if not done["files"]:
            terminal.print("No decision was shipped yet.")

    emit(done, as_json, text)


def _count(found: list[Any]) -> str:
    return "1 decision" if len(found) == 1 else f"{len(found):,} decisions"


def _lines(terminal: Any, found: list[dict[str, Any]]) -> None:
    for d in found:
        score = "" if d["score"] is None else f"{d['score']:.3f}"
        when = d["time"][:16].replace("T", " ")
        line = f"{d['id']} {when} {d['model']} {d['arm']} {score}"
        terminal.print(line.rstrip(), markup=False, soft_wrap=True)
