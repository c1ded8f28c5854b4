from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.app.world import World

from seawall.access.identity import Identity
from seawall.access.role import Role
from seawall.access.token import TokenRecord
from seawall.app import identities
from seawall.kernel import SYSTEM, Conflict, Forbidden, NotFound, Unauthenticated, now


def set_identity(world: World, name: str, **changes: object) -> None:
    with world.app.store.transaction(SYSTEM) as tx:
        tx.put(msgspec.structs.replace(tx.get(Identity, name), **changes))
        tx.record("access:identity:changed", name, {})


def test_an_administrator_makes_identities_and_the_token_proves_them(world: World) -> None:
    token = identities.create_identity(world.app, world.root, "dora", [Role.DEVELOPER])
    known = identities.authenticate(world.app, token)
    assert (known.id, known.roles, known.account) == ("dora", (Role.DEVELOPER,), "person")
    assert world.actions(subject="dora") == ["access:identity:created", "access:token:issued"]


def test_nobody_else_manages_identities_nor_anybody_themselves(world: World) -> None:
    for who in (world.ada, world.otto, world.iris, world.gateway):
        with pytest.raises(Forbidden):
            identities.create_identity(world.app, who, "dora", [Role.APPROVER])
    with pytest.raises(Forbidden, match="nobody changes their own roles"):
        identities.create_identity(world.app, world.root, "administrator", [Role.APPROVER])


def test_a_name_is_given_once(world: World) -> None:
    with pytest.raises(Conflict, match="an identity 'ada' already"):
        identities.create_identity(world.app, world.root, "ada", [])


def test_a_secret_is_stored_nowhere(world: World) -> None:
    token = identities.create_identity(world.app, world.root, "dora", [])
    secret = token.rsplit("_", 1)[-1]
    stored = (world.app.folder / "seawall.db").read_bytes()
    wal = world.app.folder / "seawall.db-wal"
    assert secret.encode() not in stored + (wal.read_bytes() if wal.exists() else b"")


@pytest.mark.parametrize("text", ["", "swl_", "swl_000000000000_" + "a" * 43, "Bearer x"])
def test_an_unknown_token_proves_nothing(world: World, text: str) -> None:
    with pytest.raises(Unauthenticated):
        identities.authenticate(world.app, text)


def test_a_wrong_secret_proves_nothing(world: World) -> None:
    token = identities.create_identity(world.app, world.root, "dora", [])
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    with pytest.raises(Unauthenticated, match="not valid"):
        identities.authenticate(world.app, wrong)


def test_a_token_ends_when_it_expires(world: World) -> None:
    token = identities.create_identity(world.app, world.root, "dora", [])
    with world.app.store.transaction(SYSTEM) as tx:
        held = tx.find(TokenRecord)[0]
        tx.put(msgspec.structs.replace(held, expires=now(world.clock) + timedelta(hours=1)))
        tx.record("access:token:changed", "dora", {})
    assert identities.authenticate(world.app, token).id == "dora"
    world.clock.advance(timedelta(hours=1))
    with pytest.raises(Unauthenticated, match="expired"):
        identities.authenticate(world.app, token)


def test_an_identity_that_is_shut_out_proves_nothing_more(world: World) -> None:
    token = identities.create_identity(world.app, world.root, "dora", [Role.DEVELOPER])
    ticket = identities.ticket_for(world.app, world.root, "dora")
    assert identities.authenticate(world.app, token).active
    set_identity(world, "dora", active=False)
    with pytest.raises(Unauthenticated, match="not valid"):
        identities.authenticate(world.app, token)
    with pytest.raises(Unauthenticated, match="shut out"):
        identities.redeem(world.app, ticket)


def test_a_ticket_is_used_once(world: World) -> None:
    ticket = identities.ticket_for(world.app, world.root, "ada")
    token = identities.claim(world.app, ticket)
    assert identities.authenticate(world.app, token).id == "ada"
    with pytest.raises(Unauthenticated, match="was used or never given out"):
        identities.redeem(world.app, ticket)
    assert world.actions(subject="ada") == [
        "access:identity:created",
        "access:ticket:issued",
        "access:ticket:redeemed",
        "access:token:issued",
    ]


def test_a_ticket_reads_as_a_word_wherever_it_is_typed(world: World) -> None:
    tickets = [identities.ticket_for(world.app, world.root, "ada") for _ in range(50)]
    assert all(ticket.isalnum() for ticket in tickets)


def test_a_ticket_expires(world: World) -> None:
    ticket = identities.ticket_for(world.app, world.root, "ada")
    world.clock.advance(identities.TICKET_LASTS)
    with pytest.raises(Unauthenticated, match="expired"):
        identities.claim(world.app, ticket)


def test_a_ticket_is_for_somebody_known(world: World) -> None:
    with pytest.raises(NotFound, match="no identity 'nobody'"):
        identities.ticket_for(world.app, world.root, "nobody")
    with pytest.raises(Forbidden):
        identities.ticket_for(world.app, world.ada, "otto")


def test_the_first_ticket_is_given_until_somebody_signed_in(bare: World) -> None:
    first = identities.first_ticket(bare.app)
    assert first is not None
    again = identities.first_ticket(bare.app)
    assert again not in (None, first)
    with pytest.raises(Unauthenticated):
        identities.claim(bare.app, first)
    identities.claim(bare.app, again)
    assert identities.first_ticket(bare.app) is None


def test_a_new_service_token_ends_the_earlier_one(world: World) -> None:
    old = identities.service_token(world.app, "shipper", (Role.GATEWAY,))
    new = identities.service_token(world.app, "shipper", (Role.GATEWAY,))
    assert identities.authenticate(world.app, new).account == "service"
    with pytest.raises(Unauthenticated):
        identities.authenticate(world.app, old)
