"""Running it: error budgets, monitors, incidents."""

from __future__ import annotations

from typing import Any

import typer

from seawall.cli.context import Json, Url, client, emit

slo = typer.Typer(help="Error budgets.", no_args_is_help=True)
monitor = typer.Typer(help="What is watched without end.", no_args_is_help=True)
incident = typer.Typer(help="Incidents.", no_args_is_help=True)
MOST_STREAMS = 20
"""Streams of a monitor that the terminal shows."""


def register(app: typer.Typer) -> None:
    """Add these groups."""
    app.add_typer(slo, name="slo")
    app.add_typer(monitor, name="monitor")
    app.add_typer(incident, name="incident")


@slo.command("status")
def slo_status(endpoint: str, as_json: bool = Json, url: str | None = Url) -> None:
    """What is left of each error budget of an endpoint."""
    with client(url) as server:
        found = server.get(f"/endpoints/{endpoint}/slo")

    def show(terminal: Any) -> None:
        from rich.table import Table

        if not found:
            terminal.print(f"{endpoint} has no objectives: apply a document of kind SLO")
            return
        worst = min(found, key=lambda b: b["remaining"])
        left = worst["remaining"]
        terminal.print(
            f"{endpoint} has {left:.0%} of its error budget left."
            if left > 0
            else f"{endpoint} has spent {1 - left:.0%} of its error budget.",
            markup=False,
        )
        table = Table("objective", "target", "events", "bad", "left", box=None)
        for b in found:
            bad = b["total"] - b["good"]
            cells = f"{b['target']:.2%}", f"{b['total']:,}", f"{bad:,}", f"{b['remaining']:.0%}"
            table.add_row(b["objective"], *cells)
        terminal.print(table)

    emit(found, as_json, show)


@monitor.command("status")
def monitor_status(endpoint: str, as_json: bool = Json, url: str | None = Url) -> None:
    """How the monitors of an endpoint stand: quiet or alarmed, on what evidence."""
    with client(url) as server:
        found = server.get(f"/endpoints/{endpoint}/monitors")

    def show(terminal: Any) -> None:
        from rich.markup import escape
        from rich.table import Table

        if not found:
            terminal.print(f"{endpoint} has no monitors: apply a document of kind Monitor")
            return
        alarmed = [m["monitor"] for m in found if m["state"] == "alarmed"]
        quiet = f"{len(found)} monitor{'s' * (len(found) != 1)} of {endpoint}: none alarms."
        terminal.print(f"{endpoint}: {', '.join(alarmed)} alarmed." if alarmed else quiet)
        budget = found[0]["budget"]
        terminal.print(
            "Allowed: one false alarm in "
            f"{budget['days_between_false_alarms']:,g} days of what does not end, probability "
            f"{budget['alpha']:g} ever of what does\n(`alarms` of the endpoint's document).",
            markup=False,
        )
        for m in sorted(found, key=lambda m: m["state"] != "alarmed"):
            share = f" ({m['share']:.0%} of the budget)" if m["share"] else ""
            terminal.print(f"\n{m['monitor']}{share} {m['promise']}.", markup=False)
            if m["state"] == "not begun":
                terminal.print("  It has not begun: nothing that it watches has a baseline yet.")
                continue
            if m["alarm"]:
                terminal.print(f"  {m['alarm']['sentence']}", markup=False)
            told = {"log_value": "towards an alarm"}
            if m["alarm"]:  # one that does so once ends there, the other kind begins anew
                anew = {"log_value": "since then"} if m["contract"] == "mean_time" else {}
                told = {"at_alarm": "at the alarm", **anew}
            table = Table("watched", "tolerance", "hours told", *told.values(), box=None)
            for s in m["streams"][:MOST_STREAMS]:
                ways = (_way(s[name], m["log_boundary"]) for name in told)
                table.add_row(escape(s["stream"]), f"{s['tolerance']:g}", f"{s['hours']:,}", *ways)
            terminal.print(table)
            if (more := len(m["streams"]) - MOST_STREAMS) > 0:
                terminal.print(f"  … and {more:,} that are further from one: --json has all")
            for name in m["lacking"]:
                terminal.print(f"  {name}: the champion has no baseline of it", markup=False)

    emit(found, as_json, show)


def _way(log_value: float | None, boundary: float) -> str:
    """How much of the evidence for an alarm there is, on its logarithmic scale."""
    return "–" if log_value is None else f"{max(0.0, log_value) / boundary:.0%}"


@incident.command("list")
def incident_list(as_json: bool = Json, url: str | None = Url) -> None:
    """Every incident, oldest first."""
    with client(url) as server:
        found = server.get("/incidents")

    def show(terminal: Any) -> None:
        if not found:
            terminal.print("No incident so far.")
        for i in found:
            terminal.print(f"{i['id']}  {i['state']:9}  {i['title']}", markup=False)

    emit(found, as_json, show)


@incident.command("show")
def incident_show(key: str, as_json: bool = Json, url: str | None = Url) -> None:
    """One incident: suspects, timeline, actions, postmortem."""
    with client(url) as server:
        found = server.get(f"/incidents/{key}")

    def show(terminal: Any) -> None:
        terminal.print(f"{found['state']}: {found['title']}", markup=False)
        for suspect in found["suspects"]:
            terminal.print(
                f"  suspect: {suspect['what']} {suspect['name']}: {suspect['reason']}",
                markup=False,
            )
        for line in found["timeline"]:
            when = line["time"][:19]
            terminal.print(f"  {when}  {line['actor']}: {line['text']}", markup=False)

    emit(found, as_json, show)


def _moves(action: str, says: str) -> None:
    def command(
        key: str,
        reason: str = typer.Option(..., "--reason", help="Why, for the record."),
        as_json: bool = Json,
        url: str | None = Url,
    ) -> None:
        with client(url) as server:
            found = server.post(f"/incidents/{key}/{action}", {"reason": reason})
        emit(found, as_json, lambda c: c.print(f"{key} is {found['state']}"))

    incident.command(action, help=says)(command)


_moves("mitigate", "Say that the harm has stopped.")
_moves("resolve", "Say that the cause is gone; a postmortem is drafted.")
