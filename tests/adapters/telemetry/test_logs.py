"""Log lines: one form, on standard error, without secrets."""

import json
import logging

import pytest
import structlog

from seawall.adapters.telemetry.logs import set_up_logs


@pytest.fixture(autouse=True)
def as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys) -> list[dict]:
    told = capsys.readouterr()
    assert told.out == ""
    return [json.loads(line) for line in told.err.splitlines()]


def test_a_json_line_holds_the_event_its_values_level_and_time(capsys):
    set_up_logs("info", "json")
    structlog.get_logger("x").info("shipped", rows=3)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "shipped", "rows": 3, "level": "info"}


def test_a_librarys_line_has_the_same_form(capsys):
    set_up_logs("info", "json")
    logging.getLogger("uvicorn").warning("worker %s", 7)
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("worker 7", "warning")


def test_what_is_below_the_level_is_not_told(capsys):
    set_up_logs("warning", "json")
    structlog.get_logger("x").info("quiet")
    logging.getLogger("uvicorn").info("quiet")
    structlog.get_logger("x").error("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_setting_up_again_tells_each_line_once(capsys):
    set_up_logs("info", "json")
    set_up_logs("info", "json")
    structlog.get_logger("x").info("once")
    assert len(lines(capsys)) == 1


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_token_is_never_told_not_even_in_a_traceback(capsys, form):
    set_up_logs("info", form)
    secret = "swl_019ca9d5-e400_S3cr3t-x_y="
    log = structlog.get_logger("x")
    try:
        raise ValueError(f"bad token {secret}")
    except ValueError:
        log.exception(f"refused {secret}", token=secret)
    told = capsys.readouterr().err
    assert "S3cr3t" not in told
    assert told.count("swl_019ca9d5-e400_***") >= 3


def test_a_console_line_is_for_people(capsys):
    set_up_logs("info", "console")
    structlog.get_logger("x").info("shipped", rows=3)
    told = capsys.readouterr().err
    assert "shipped" in told
    assert "rows=3" in told
    assert "\x1b" not in told
