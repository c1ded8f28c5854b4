"""The life of a version: register, validate, gate, approve, reject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json, Url, client, emit, finish, show_verdict
from seawall.cli.files import STANDARD_OUTPUT, check_place, write_bytes
from seawall.cli.named import coming


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("register")(register_version)
    app.command("validate")(validate)
    app.command("gate")(gate)
    app.command("approve")(approve)
    app.command("reject")(reject)
    app.command("versions")(versions)


def register_version(
    model: str = typer.Argument(help="The model's name."),
    artefact: Path = typer.Argument(
        help="Its file: .onnx, .ubj, .json, .txt, .skops; .yaml for a remote model."
    ),
    data: Path = typer.Option(..., "--data", help="The training table (Parquet, CSV, Arrow)."),
    label: str = typer.Option(..., "--label", help="The label's column."),
    feature: list[str] = typer.Option(..., "--feature", help="Inputs, in the model's order."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Register a model with its training data; prints the version."""
    from seawall.sdk.register import register_file

    found = register_file(
        client(url), model, artefact, data=data, label=label, features=tuple(feature)
    )
    emit(found, as_json, lambda c: c.print(f"registered {found['version']}"))


def validate(
    version: str = typer.Argument(help="MODEL@NUMBER."),
    data: Path | None = typer.Option(
        None, "--data", help="The validation table; without it, the plan's own hold-out."
    ),
    state: Path | None = typer.Option(
        None, "--state", help="Folder of a gateway's state, for a plan with a replay."
    ),
    table: str | None = typer.Option(
        None, "--table", help="The log's tables; by default STATE/table."
    ),
    quiet: bool = typer.Option(False, "--quiet", help="Print nothing."),
    as_json: bool = Json,
    markdown: Path | None = typer.Option(None, "--md", help="Write the report as Markdown."),
    html: Path | None = typer.Option(None, "--html", help="Write the report as one HTML file."),
    url: str | None = Url,
) -> None:
    """Measure a version by its declared plan; the control plane judges and keeps the report."""
    from seawall.kernel import BadInput
    from seawall.sdk.validate import validate_version

    streams = [path for path in (markdown, html) if path and check_place(path) == STANDARD_OUTPUT]
    if len(streams) + as_json > 1:
        raise BadInput("one document goes to standard output", remedy="name files for others")
    with client(url) as server:
        answer = validate_version(server, version, data, state, table)
    report = answer["report"]
    _write(report, markdown, html)
    if not (quiet or streams):
        emit(answer, as_json, lambda c: _show_report(c, report))
    finish(report["verdict"]["outcome"])


def gate(
    version: str = typer.Argument(help="MODEL@NUMBER."),
    to: str = typer.Option("validated", "--to", help="The stage that the gate guards."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Hold a version against the policy; exit 0 pass, 1 fail, 3 not enough evidence."""
    with client(url) as server:
        result = server.post(f"/versions/{version}/gate", {"to": to})
    subject = f"{version} → {to} by policy {result['policy']}"
    emit(result, as_json, lambda c: show_verdict(c, result["verdict"], subject))
    finish(result["verdict"]["outcome"])


def approve(
    version: str = typer.Argument(help="MODEL@NUMBER."),
    suitable: bool = typer.Option(False, "--suitable", help="It suits its intended use."),
    rating: bool = typer.Option(False, "--rating-affirmed", help="Its risk rating holds."),
    traffic: float | None = typer.Option(None, "--traffic-share", help="At most this share."),
    expires: str | None = typer.Option(
        None, "--expires", help="Until when: a time (UTC), or 12h, 7d from now."
    ),
    comment: str = typer.Option("", "--comment"),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Approve a validated version, under conditions if any."""
    conditions: dict[str, Any] = {}
    if traffic is not None:
        conditions["traffic_share"] = traffic
    if expires is not None:
        conditions["expires"] = coming(expires, "--expires")
    body = {
        "suitable": suitable,
        "rating_affirmed": rating,
        "conditions": conditions,
        "comment": comment,
    }
    with client(url) as server:
        answer = server.post(f"/versions/{version}/approvals", body)
    emit(answer, as_json, lambda c: show_verdict(c, answer["verdict"], f"{version} is approved"))
    finish(answer["verdict"]["outcome"])


def reject(
    version: str = typer.Argument(help="MODEL@NUMBER."),
    reason: str = typer.Option(..., "--reason", help="Why, for the record."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Reject a version for good."""
    with client(url) as server:
        answer = server.post(f"/versions/{version}/reject", {"reason": reason})
    emit(answer, as_json, lambda c: c.print(f"{version} is rejected: {reason}", markup=False))


def versions(
    model: str = typer.Argument("", help="Of one model only."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """List versions with their stage."""
    with client(url) as server:
        found = server.get("/versions", model=model)

    def show(terminal: Any) -> None:
        from rich.table import Table

        table = Table("version", "stage", "author", "artefact", "created", box=None)
        for v in found:
            name = f"{v['model']}@{v['number']}"
            artefact = v["artefact"]["digest"][7:19]
            table.add_row(name, v["stage"], v["provenance"]["author"], artefact, v["created"][:16])
        terminal.print(table if found else "No version is registered yet.")

    emit(found, as_json, show)


def _show_report(terminal: Any, report: dict[str, Any]) -> None:
    terminal.print(report["conclusion"], markup=False)
    for note in report["limitations"]:
        terminal.print(f"  · {note}", markup=False)
    show_verdict(terminal, report["verdict"], report["version"])


def _write(report: dict[str, Any], markdown: Path | None, html: Path | None) -> None:
    if markdown is None and html is None:
        return
    from seawall.adapters import rendering
    from seawall.kernel import convert
    from seawall.report.from_validation import validation_document
    from seawall.validation.report import ValidationReport

    document = validation_document(convert(report, ValidationReport))
    if markdown is not None:
        write_bytes(markdown, rendering.markdown(document).encode())
    if html is not None:
        write_bytes(html, rendering.html(document).encode())
