"""The `seawall` command: what it offers, and what its exit status means."""

from __future__ import annotations

import sys
from typing import Any

import typer

from seawall.cli import (
    audit,
    backtest,
    baseline,
    decisions,
    declared,
    demo,
    doctor,
    drift,
    estimate,
    evaluate,
    experiment,
    gateway,
    identity,
    labels,
    lifecycle,
    operations,
    replay,
    rollout,
    score,
    segments,
    serve,
    signature,
)

app = typer.Typer(
    name="seawall",
    help="Model risk management: govern, validate, deploy, watch and control models in production.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    demo, serve, gateway, declared, lifecycle, rollout, experiment, operations, decisions, audit,
    identity, drift, evaluate, estimate, segments, backtest, baseline, labels, signature, score,
    replay, doctor,
):  # fmt: skip
    part.register(app)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
    if version:
        import seawall

        print(seawall.__version__)  # noqa: T201 -- this is what the flag is for
        raise typer.Exit


STOPPED = 130
"""The exit status after Ctrl-C, as shells have it."""

_UsageError = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""The base of what is wrong with a command line: Click's own, or that of Typer's copy of Click."""


def run() -> None:
    """Run the command line; exit 0 pass, 1 fail, 2 bad input, 3 undecided, 70 our own error."""
    try:
        status = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        _say("seawall: stopped")
        sys.exit(STOPPED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)  # as shells have it; a verdict that nobody read is no pass
    except Exception as error:  # noqa: BLE001 -- the outermost frame: an error of ours never reads as a verdict
        sys.exit(_told(error))
    if status == STOPPED:  # Typer tells a Ctrl-C so
        _say("seawall: stopped")
    sys.exit(status if isinstance(status, int) else 0)


def _told(error: Exception) -> int:
    """Say on standard error what went wrong; returns the exit status that it means."""
    from seawall.kernel import SeawallError

    if isinstance(error, SeawallError):
        _say(f"seawall: {error}")
        return error.status
    if isinstance(error, _UsageError):
        _tell_usage(error)
        return 2
    import traceback

    traceback.print_exception(error)
    _say(f"seawall: our own error, please report it: {type(error).__name__}: {error}")
    return 70


def _tell_usage(error: Any) -> None:
    """One line, as of every other bad input; a group that was named alone shows its help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    asked = error.ctx.command_path if error.ctx else "seawall"
    what = " ".join(error.format_message().split()).rstrip(".")
    _say(f"seawall: {what} ({asked}); see {asked} --help")


def _say(line: str) -> None:
    from seawall.report.printable import on_one_line

    print(on_one_line(line), file=sys.stderr)  # noqa: T201 -- messages go to stderr, by contract
