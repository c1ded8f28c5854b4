"""Who there is: identities with their roles, and the tokens and tickets that prove them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.access.role import Role
from seawall.access.token import TokenRecord, mint, parse
from seawall.adapters.identity import hash_secret, verify_secret
from seawall.app.root import App
from seawall.kernel import SYSTEM, Conflict, Digest, NotFound, Transaction, Unauthenticated, now

FIRST = "administrator"
REDEEMED = "access:ticket:redeemed"
TICKET_LASTS = timedelta(days=7)


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time right to sign in as an identity, kept by the digest of its text."""

    kind: ClassVar[str] = "ticket"

    digest: Digest
    identity: str
    expires: datetime

    @property
    def key(self) -> str:
        """The digest of the ticket's text."""
        return self.digest.hex


def authenticate(app: App, token: str) -> Identity:
    """The identity that a token proves; raises `Unauthenticated`."""
    given = parse(token)
    try:
        held = app.store.get(TokenRecord, given.id)
        identity = app.store.get(Identity, held.identity)
    except NotFound:
        raise Unauthenticated("the token is unknown", remedy="ask for a new one") from None
    if not held.live(now(app.clock)):
        raise Unauthenticated("the token has expired", remedy="ask for a new one")
    if not identity.active or not verify_secret(held.hash, given.secret):
        raise Unauthenticated("the token is not valid", remedy="ask for a new one")
    return identity


def create_identity(
    app: App, who: Identity, name: str, roles: Iterable[Role], *, service: bool = False
) -> str:
    """A new identity with these roles; returns its token, which is shown only this once."""
    app.allow(who, Action.MANAGE_IDENTITIES, identity=name)
    with app.store.transaction(who.actor) as tx:
        _create(app, tx, name, tuple(roles), service=service)
        return _mint(app, tx, name)


def first_ticket(app: App) -> str | None:
    """The one-time ticket of a control plane that nobody has signed in to yet; else None.

    One that was printed before and never used does not count any more.
    """
    if app.store.audit.find(subject=FIRST, action=REDEEMED, limit=1):
        return None
    with app.store.transaction(SYSTEM) as tx:
        if not tx.revision(Identity, FIRST):
            _create(app, tx, FIRST, (Role.ADMINISTRATOR,), service=False)
        for ticket in tx.find(Ticket):
            if ticket.identity == FIRST:
                tx.delete(Ticket, ticket.key)
        return _ticket(app, tx, FIRST)


def ticket_for(app: App, who: Identity, name: str) -> str:
    """A one-time ticket with which somebody signs in to the pages as this identity."""
    app.allow(who, Action.MANAGE_IDENTITIES, identity=name)
    with app.store.transaction(who.actor) as tx:
        tx.get(Identity, name)
        return _ticket(app, tx, name)


def shut_out(app: App, who: Identity, name: str) -> Identity:
    """End an identity's access: its tokens, tickets and sessions are refused from now on."""
    app.allow(who, Action.MANAGE_IDENTITIES, identity=name)
    with app.store.transaction(who.actor) as tx:
        identity = msgspec.structs.replace(tx.get(Identity, name), active=False)
        tx.put(identity)
        tx.record("access:identity:shut_out", name, {})
        return identity


def redeem(app: App, ticket: str) -> Identity:
    """Use a ticket up; returns whose it was. Raises `Unauthenticated` the second time."""
    digest = Digest.of(ticket.strip().encode())
    with app.store.transaction(SYSTEM) as tx:
        if not tx.revision(Ticket, digest.hex):
            raise Unauthenticated(
                "this sign-in token was used or never given out", remedy="ask for a new one"
            )
        held = tx.get(Ticket, digest.hex)
        if now(app.clock) >= held.expires:
            raise Unauthenticated("this sign-in token has expired", remedy="ask for a new one")
        identity = tx.get(Identity, held.identity)
        if not identity.active:
            raise Unauthenticated(f"{identity.id} is shut out", remedy="ask an administrator")
        tx.delete(Ticket, held.key)
        tx.record(REDEEMED, held.identity, {})
        return identity


def claim(app: App, ticket: str) -> str:
    """Exchange a ticket for an API token of its identity."""
    identity = redeem(app, ticket)
    with app.store.transaction(identity.actor) as tx:
        return _mint(app, tx, identity.id)


def _create(
    app: App, tx: Transaction, name: str, roles: tuple[Role, ...], *, service: bool
) -> None:
    if tx.revision(Identity, name):
        raise Conflict(f"there is an identity {name!r} already", remedy="choose another name")
    account = "service" if service else "person"
    tx.put(Identity(id=name, account=account, roles=roles, created=now(app.clock)))
    detail = {"roles": [str(role) for role in roles], "account": account}
    tx.record("access:identity:created", name, detail)


def _mint(app: App, tx: Transaction, name: str, lasts: timedelta | None = None) -> str:
    token = mint()
    moment = now(app.clock)
    tx.put(
        TokenRecord(
            id=token.id,
            identity=name,
            hash=hash_secret(token.secret),
            created=moment,
            expires=moment + lasts if lasts else None,
        )
    )
    tx.record("access:token:issued", name, {"token": token.id})
    return str(token)


def _ticket(app: App, tx: Transaction, name: str) -> str:
    text = secrets.token_hex(18)  # no dash in front: it is typed after a command
    expires = now(app.clock) + TICKET_LASTS
    tx.put(Ticket(digest=Digest.of(text.encode()), identity=name, expires=expires))
    tx.record("access:ticket:issued", name, {})
    return text


def service_token(
    app: App, name: str, roles: tuple[Role, ...], lasts: timedelta | None = None
) -> str:
    """A token for one of the control plane's own services.

    One that `lasts` ends by itself; one without an end replaces the service's earlier tokens.
    """
    with app.store.transaction(SYSTEM) as tx:
        if not tx.revision(Identity, name):
            _create(app, tx, name, roles, service=True)
        for old in tx.find(TokenRecord):
            if old.identity == name and (lasts is None or not old.live(now(app.clock))):
                tx.delete(TokenRecord, old.key)
        return _mint(app, tx, name, lasts)
