from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from seawall.cli import main, operations

STREAM = {"stream": "error_rate", "tolerance": 0.12, "log_value": 4.5, "at_alarm": None,
          "hours": 30}  # fmt: skip
FIRED = STREAM | {"log_value": None, "at_alarm": 9.9}
QUIET = {
    "monitor": "harm", "contract": "mean_time", "severity": "ticket", "state": "quiet",
    "promise": "watches 1 of the 4 streams that alarm falsely once in 365 days",
    "share": 0.25, "budget": {"days_between_false_alarms": 365.0, "alpha": 0.05},
    "version": "loans@3", "since": "2026-03-01T12:00:00+00:00",
    "until": "2026-03-02T18:00:00+00:00", "log_value": 4.5, "log_boundary": 9.0, "alarm": None,
    "streams": [STREAM], "lacking": ["distribution of agee"],
}  # fmt: skip
ALARMED = QUIET | {
    "monitor": "drift", "state": "alarmed", "lacking": [],
    "streams": [FIRED],
    "alarm": {"at": "2026-03-02T18:00:00+00:00", "streams": ["error_rate"], "log_value": 9.9,
              "sentence": "error_rate is beyond 0.12, found 2026-03-02 18:00 UTC"},
}  # fmt: skip
WAITING = QUIET | {"monitor": "later", "state": "not begun", "streams": [], "share": 0.0}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], ["loans has no monitors: apply a document of kind Monitor"]),
        (
            [QUIET],
            [
                "1 monitor of loans: none alarms.",
                "error_rate",
                "50%",
                "no baseline of it",
                "one false alarm in 365 days",
                "(25% of the budget)",
            ],
        ),
        ([QUIET, ALARMED], ["loans: drift alarmed.", "error_rate is beyond 0.12"]),
        ([ALARMED], ["at the alarm", "since then", "110%", "–"]),
        ([ALARMED | {"contract": "ever"}], ["at the alarm", "110%"]),
        ([WAITING], ["It has not begun"]),
    ],
)
def test_the_state_of_monitors_is_told_alarms_first(monkeypatch, found, said):
    @contextmanager
    def client(_url):
        yield SimpleNamespace(get=lambda path: found if path == "/endpoints/loans/monitors" else 0)

    monkeypatch.setattr(operations, "client", client)
    shown = CliRunner().invoke(main.app, ["monitor", "status", "loans"])
    assert shown.exit_code == 0
    for words in said:
        assert words in shown.output
