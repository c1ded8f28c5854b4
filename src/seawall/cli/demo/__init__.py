"""`seawall demo`: the whole managed life of one model, on real census data."""

from __future__ import annotations

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("demo")(demo)


def demo(
    serve: bool = typer.Option(False, "--serve", help="Keep traffic flowing and the pages up."),
    as_json: bool = typer.Option(False, "--json", help="The same as one JSON document."),
    data: Path | None = typer.Option(None, "--data", help="Another copy of the census file."),
    data_dir: Path | None = typer.Option(
        None, "--data-dir", help="Keep everything here afterwards; default: a temporary folder."
    ),
    port: int | None = typer.Option(
        None, "--port", min=1, max=65_535, help="Where the pages are; default: any."
    ),
) -> None:
    """Watch one model live its whole managed life on 277,677 real people's census records."""
    from seawall.cli.demo.play import play

    raise typer.Exit(0 if play(serve, as_json, data, data_dir, port) else 1)
