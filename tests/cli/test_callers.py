"""`seawall gateway token` as whoever lets callers in runs it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from seawall.adapters.signing.keys import create_key
from seawall.cli import callers
from seawall.cli.main import app
from seawall.gateway.access import new_token
from seawall.kernel import BadInput, NotFound


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder where the control plane keeps its keys, and no control plane that is set."""
    monkeypatch.chdir(tmp_path)
    for name in ("SEAWALL_URL", "SEAWALL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return create_key(tmp_path / ".seawall" / "keys" / "seawall.pem")


def ran(*words: str) -> Any:
    done = CliRunner().invoke(app, ["gateway", "token", *words], env={"COLUMNS": "100"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done


@pytest.mark.usefixtures("keys")
def test_a_token_is_made_listed_without_it_and_revoked():
    token = ran("new", "shop", "--endpoint", "loans", "--days", "9").stdout.strip()
    assert token.startswith("swl_shop_")
    shown = ran("list").stdout
    assert [word in shown for word in ("shop", "loans", "decide", token)] == [True] * 3 + [False]
    [told] = msgspec.json.decode(ran("list", "--json").stdout)
    assert told.pop("expires") > datetime.now(UTC).isoformat()
    assert told == {"name": "shop", "endpoints": ["loans"], "scopes": ["decide"], "expired": False}
    revoked = msgspec.json.decode(ran("revoke", "shop", "--json").stdout)
    assert (revoked["name"], revoked["revoked"]) == ("shop", True)
    assert "No caller has a token" in ran("list").stdout


@pytest.mark.usefixtures("keys")
def test_with_json_a_new_token_is_one_document():
    told = msgspec.json.decode(ran("new", "shop", "--endpoint", "loans", "--json").stdout)
    assert told["token"].startswith("swl_shop_")
    assert (told["endpoints"], told["scopes"], told["expires"]) == (["loans"], ["decide"], None)


def test_what_has_expired_is_shown_as_such(keys: Any):
    past = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    new_token(Path(".seawall/gateway-tokens.json"), keys, "old", ["loans"], ["decide"], past)
    assert "2026-01-02 03:04, expired" in ran("list").stdout
    assert msgspec.json.decode(ran("list", "--json").stdout)[0]["expired"] is True


@pytest.mark.usefixtures("keys")
def test_an_endpoint_that_is_not_declared_gets_no_token(monkeypatch: pytest.MonkeyPatch):
    @contextmanager
    def client():
        yield SimpleNamespace(get=lambda _: [{"name": "loans"}])

    monkeypatch.setattr(callers, "client", client)
    monkeypatch.setenv("SEAWALL_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SEAWALL_TOKEN", "swl_a_b")
    with pytest.raises(NotFound, match=r"no endpoint 'loan'; did you mean 'loans'\?"):
        ran("new", "shop", "--endpoint", "loan")
    assert not Path(".seawall/gateway-tokens.json").exists()
    assert ran("new", "shop", "--endpoint", "loans").stderr == ""


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("env", [{}, {"SEAWALL_URL": "http://127.0.0.1:9", "SEAWALL_TOKEN": "x"}])
def test_where_nobody_knows_the_endpoints_that_is_said_beside_the_token(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    done = ran("new", "shop", "--endpoint", "loans")
    assert "whether loans is declared was not checked" in done.stderr
    assert done.stdout.startswith("swl_shop_")


@pytest.mark.usefixtures("keys")
def test_no_file_of_tokens_is_told_with_the_command_that_makes_it():
    with pytest.raises(BadInput, match="`seawall gateway token new` makes the file"):
        ran("list")
