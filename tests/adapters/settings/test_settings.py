"""Settings: which place wins, and what is said of a wrong one."""

from pathlib import Path

import pytest

from seawall.adapters.settings import load
from seawall.kernel import BadInput


def test_without_anything_said_everything_is_local(tmp_path):
    known = load({}, {}, tmp_path)
    assert known.data_dir == tmp_path / ".seawall"
    assert known.database_url == f"sqlite:///{tmp_path}/.seawall/seawall.db"
    assert known.objects == f"{tmp_path}/.seawall/objects"
    assert (known.url, known.token, known.host, known.clock) == (None, None, "127.0.0.1", "system")


def test_a_variable_beats_the_file_and_a_flag_beats_both(tmp_path):
    (tmp_path / "seawall.toml").write_text('port = 1\nhost = "file"\nlog_level = "debug"\n')
    known = load({"port": 3, "url": None}, {"SEAWALL_PORT": "2", "SEAWALL_HOST": "env"}, tmp_path)
    assert (known.port, known.host, known.log_level) == (3, "env", "debug")


def test_a_variable_is_text_and_becomes_what_the_setting_is(tmp_path):
    known = load({}, {"SEAWALL_SHIP_SECONDS": "0.25", "SEAWALL_GATEWAY_PORT": "0"}, tmp_path)
    assert (known.ship_seconds, known.gateway_port) == (0.25, 0)


def test_an_empty_variable_and_others_variables_say_nothing(tmp_path):
    known = load({}, {"SEAWALL_URL": "", "PORT": "9", "SEAWALLPORT": "9"}, tmp_path)
    assert (known.url, known.port) == (None, 8080)


def test_relative_paths_start_at_the_folder(tmp_path):
    known = load({"data_dir": Path("d")}, {"SEAWALL_CLOCK": "file:c"}, tmp_path)
    assert known.data_dir == tmp_path / "d"
    assert known.objects == str(tmp_path / "d" / "objects")
    assert known.clock == f"file:{tmp_path}/c"


def test_addresses_of_stores_stay_as_they_are(tmp_path):
    said = {"objects": "s3://bucket/x", "database_url": "postgresql://db/seawall"}
    known = load(said, {}, tmp_path)
    assert (known.objects, known.database_url) == ("s3://bucket/x", "postgresql://db/seawall")


@pytest.mark.parametrize(
    ("flags", "environ", "told"),
    [
        ({"prot": 1}, {}, "no setting '--prot' (flags); did you mean '--port'?"),
        (
            {},
            {"SEAWALL_DATADIR": "x"},
            "no setting 'SEAWALL_DATADIR' (environment); did you mean 'SEAWALL_DATA_DIR'?",
        ),
        ({"port": "80"}, {}, "--port: Expected `int`, got `str` (flags)"),
        ({}, {"SEAWALL_PORT": "http"}, "SEAWALL_PORT: Expected `int`, got `str` (environment)"),
        ({"port": 70_000}, {}, "--port: Expected `int` <= 65535 (flags)"),
        ({"data_dir": 3}, {}, "--data-dir: Expected `str`, got `int` (flags)"),
        ({}, {"SEAWALL_LOG_LEVEL": "loud"}, "SEAWALL_LOG_LEVEL: Invalid enum value 'loud' (enviro"),
        ({"ship_seconds": 0}, {}, "--ship-seconds: Expected `float` > 0.0 (flags)"),
        ({"clock": "ntp"}, {}, "--clock: Expected `str` matching regex '^(system|file:.+)$'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(tmp_path, flags, environ, told):
    with pytest.raises(BadInput) as refused:
        load(flags, environ, tmp_path)
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "no setting 'prot'"),
        ('port = "80"', "port: Expected `int`, got `str`"),
        ("port = ", "cannot be read: Invalid value"),
        ("[server]\nport = 1", "no setting 'server'"),
        (b"\xff", "cannot be read: 'utf-8'"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, told):
    path = tmp_path / "seawall.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput) as refused:
        load({}, {}, tmp_path)
    assert str(refused.value).startswith(told)
    assert refused.value.where == str(path)


def test_secrets_are_not_shown(tmp_path):
    said = {"token": "swl_a_b", "admin_token": "k1ll", "database_url": "postgresql://u:pw@db/s"}
    shown = repr(load(said, {}, tmp_path))
    assert "swl_a_b" not in shown
    assert "k1ll" not in shown
    assert "pw" not in shown
    assert "postgresql://u:***@db/s" in shown
