"""`seawall signature`: infer, compare and try what a model takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, emit
from seawall.cli.files import check_new, write_bytes

if TYPE_CHECKING:
    from rich.console import Console

    from seawall.serving.inference import Inferred

group = typer.Typer(help="What a model takes: fields, ranges, rules.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="signature")


@group.command()
def infer(
    data: Path = typer.Argument(help="The training table: Parquet, CSV, Arrow or Delta."),
    output: Path | None = typer.Option(None, "-o", "--output", help="The YAML file to write."),
    model: str = typer.Option("my-model", "--model", help="The model that takes these fields."),
    column: list[str] = typer.Option([], "--column", help="An input, in order; repeatable."),
    label: str | None = typer.Option(None, "--label", help="Column of labels: no field."),
    category: list[str] = typer.Option([], "--category", help="Whole numbers that are codes."),
    slack: float = typer.Option(0.05, "--slack", help="Widening of ranges, by their width."),
    as_json: bool = Json,
) -> None:
    """What training data shows that a model takes, to be reviewed and applied."""
    from seawall.adapters.declared.signature_text import signature_text
    from seawall.sdk.signature import infer_signature

    if output:
        check_new(output)  # a reviewed signature is somebody's work
    found = infer_signature(
        str(data), columns=column or None, label=label, categories=category, slack=slack
    )
    text = signature_text(
        model, found.signature, head=_head(found, data, slack), facts=found.facts,
        doubts=found.doubts,
    )  # fmt: skip
    if output:
        write_bytes(output, text.encode())
    emit(found.to_dict(), as_json, lambda terminal: _show_inferred(terminal, found, text, output))


@group.command()
def compare(
    old: Path = typer.Argument(help="The signature in use, a YAML file."),
    new: Path = typer.Argument(help="What would replace it."),
    as_json: bool = Json,
) -> None:
    """What changed, and what callers notice; exit 1 when an input that was valid may not be."""
    from seawall.sdk.signature import read_signature
    from seawall.serving.comparison import compare as changes_of

    changes = changes_of(read_signature(old).signature, read_signature(new).signature)
    breaks = any(change.breaks for change in changes)

    def text(terminal: Console) -> None:
        for change in changes:
            sign = "[red]✗[/] breaks " if change.breaks else "[green]✓[/] accepts"
            terminal.print(f"{sign}  {_safe(change.sentence)}")
        if not changes:
            terminal.print("The signatures are the same.")

    emit({"breaks": breaks, "changes": changes}, as_json, text)
    raise typer.Exit(1 if breaks else 0)


@group.command()
def check(
    signature: Path = typer.Argument(help="The signature, a YAML file."),
    data: Path = typer.Argument(help="Rows as callers would send them."),
    reference: Path | None = typer.Option(
        None,
        "--reference",
        help="Training data or NAME.baseline, to know renamed and rescaled columns by.",
    ),
    as_json: bool = Json,
) -> None:
    """Which rows a gateway would refuse, and why; exit 1 when there is one, or another unit."""
    from seawall.report.words import count
    from seawall.sdk.signature import hold, read_signature
    from seawall.serving.validate import REFUSING

    known = str(reference) if reference else None
    held = hold(read_signature(signature).signature, str(data), known)

    def text(terminal: Console) -> None:
        terminal.print(f"{held.refused:,} of {count(held.rows, 'row')} would be refused")
        for v in held.counted:
            sign = "[red]✗[/]" if v.problem in REFUSING else "[yellow]○[/]"
            problem = v.problem.replace("_", " ")
            terminal.print(f"  {sign} {_safe(v.field)}: {problem}, {count(v.count, 'row')}; "
                           f"{_safe(v.remedy)}")  # fmt: skip
        for one in held.rescaled:
            terminal.print(f"  [red]✗[/] {_safe(one.sentence)} To do: {_safe(one.remedy)}")

    emit(held.to_dict(), as_json, text)
    raise typer.Exit(1 if held.refused or held.rescaled else 0)


def _head(found: Inferred, data: Path, slack: float) -> list[str]:
    lines = [
        f"Inferred from {found.rows:,} rows of {data.name}: review every line, then",
        "seawall apply -f THIS FILE. Ranges are what was seen and "
        f"{100 * slack:g}% of its width more;",
        "no training row lies outside. Lines with # ? ask a question.",
        "A field may also say unit: EUR, mode: coerce or report, default: 0; rules: hold across",
        "fields, such as {name: worked, rule: age >= years_employed}.",
    ]
    return lines + [f"Left out: {name}, {why}" for name, why in found.left_out.items()]


def _show_inferred(terminal: Console, found: Inferred, text: str, output: Path | None) -> None:
    from seawall.report.words import count

    if output is None:
        terminal.out(text, end="", highlight=False)
        return
    asked = sum(map(len, found.doubts.values()))
    terminal.print(
        f"{count(len(found.signature.fields), 'field')} in {output}; "
        f"{count(asked, 'question')} to answer",
        markup=False,
    )
    for name, doubts in found.doubts.items():
        for doubt in doubts:
            terminal.print(f"  {name}: {doubt}", markup=False)
    for name, why in found.left_out.items():
        terminal.print(f"  left out: {name}, {why}", markup=False)


def _safe(text: Any) -> str:
    from rich.markup import escape

    return escape(str(text))
