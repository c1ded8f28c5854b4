"""The gateway's side of the decision log: append, and read back what is not shipped yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from seawall.adapters.decisions.apart import sealed_pair
from seawall.adapters.decisions.commit import GroupCommit, Then
from seawall.adapters.decisions.health import Disk, DiskHealth
from seawall.adapters.decisions.keyring import Keyring
from seawall.adapters.decisions.read import read_decisions, read_outcomes
from seawall.adapters.decisions.schema import DECISIONS
from seawall.adapters.decisions.shadows import SHADOWS, ShadowScore
from seawall.adapters.decisions.told import KINDS, ReceivedOutcome, received
from seawall.adapters.decisions.wal import Recovered, Wal, WalName
from seawall.kernel import BadInput, Clock, Corrupt, Ids, id_time, now
from seawall.serving.decision import DecisionRecord, from_bytes, to_bytes
from seawall.serving.followup import FollowUp
from seawall.serving.outcome import Outcome

_encode = msgspec.msgpack.Encoder().encode


class DecisionLog:
    """Takes decisions and outcomes and answers when they are safe. Usable from several threads.

    `enqueued` records are with the operating system: they survive the death of the process, not of
    the machine. `durable` ones are synced to the disk. Several processes may share the folder.
    With `keys`, decisions are encrypted before they are written; what is kept apart from them
    (apart.py) is under `apart_keys` or, without any, under the same.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        gateway: str,
        clock: Clock,
        seal_rows: int = 50_000,
        seal_seconds: float = 60.0,
        keys: Keyring | None = None,
        apart_keys: Keyring | None = None,
    ) -> None:
        self._folder, self._clock, self._keys = Path(folder), clock, keys
        self._apart_keys = apart_keys or keys
        name = WalName(gateway, Ids(clock)(), 0)
        after = timedelta(seconds=seal_seconds)
        self._disk = disk = Disk(self._folder)
        self._wals = {
            kind: Wal(self._folder / kind, name, clock, disk, seal_rows=seal_rows, seal_after=after)
            for kind in (DECISIONS, *KINDS, SHADOWS)
        }
        self._decisions = self._wals[DECISIONS]
        self._commits = GroupCommit(self._decisions)

    @property
    def recovered(self) -> tuple[Recovered, ...]:
        """The files that a crash had left open when this log was opened."""
        return tuple(found for wal in self._wals.values() for found in wal.recovered)

    def append(self, records: Sequence[DecisionRecord], *, durable: bool) -> None:
        """Keep these decisions: all or none. Returns when they are enqueued, or durable.

        Raises `BadInput` for an id that is no UUIDv7 or a value that cannot be kept, and
        `Unavailable` when the disk does not take them.
        """
        for record in records:
            id_time(record.id)
        self.append_packed([_packed(r) for r in records], durable=durable)

    def append_packed(self, payloads: Sequence[bytes], *, durable: bool) -> None:
        """Keep decisions that are packed already, as `append` does but without a second look.

        Each payload is what `serving.decision.to_bytes` makes of a record, or `apart.paired` of
        that and protected attributes. Whoever packs it has
        typed values; one that is not canonical is shipped in its canonical form, one that is no
        record at all becomes damage.
        """
        self._decisions.append(self._sealed(payloads), durable=durable)

    async def commit(self, payloads: Sequence[bytes]) -> None:
        """Keep packed decisions durably, and let the event loop go on until they are on the disk.

        All that wait on one loop share one sync. Raises `Unavailable` as `append` does.
        """
        if payloads:
            await self._commits(self._sealed(payloads))

    def begin_commit(self, payloads: Sequence[bytes], then: Then) -> None:
        """The same for one or more payloads from a callback of the loop: `then` is called there.

        It is given what went wrong, if anything did. Raises `Unavailable`, and does not call
        `then`, when the payloads could not be written.
        """
        self._commits.begin(self._sealed(payloads), then)

    def _sealed(self, payloads: Sequence[bytes]) -> Sequence[bytes]:
        keys, apart_keys = self._keys, self._apart_keys
        if apart_keys is None:
            return payloads
        return [sealed_pair(payload, keys, apart_keys) for payload in payloads]

    def append_outcomes(self, outcomes: Sequence[Outcome], *, durable: bool = True) -> None:
        """Keep these outcomes: all or none. One without a time was observed now."""
        self.append_told(outcomes, durable=durable)

    def append_told(self, told: Sequence[Outcome | FollowUp], *, durable: bool = True) -> None:
        """Keep outcomes, actions, overrides and business events: of each kind all or none.

        One without a time happened now. Raises `BadInput`, before anything is kept, for an id that
        is no decision's or a label that cannot be kept.
        """
        at = now(self._clock)
        kinds: dict[str, list[bytes]] = {}
        for one in told:
            kind, kept = received(one, at)
            kinds.setdefault(kind, []).append(_encode(kept))
        for kind, payloads in kinds.items():
            self._wals[kind].append(payloads, durable=durable)

    def append_shadows(self, scores: Sequence[ShadowScore]) -> None:
        """Keep what a shadow said of decisions: all or none, enqueued."""
        self._wals[SHADOWS].append([_encode(score) for score in scores], durable=False)

    def pending(self, since: datetime) -> Iterator[DecisionRecord]:
        """The decisions made since then that are not shipped yet, file by file.

        Raises `Corrupt` after the last of them when some of a file cannot be read.
        """
        return (r for r in read_decisions(self._folder, self._keys) if r.time >= since)

    def pending_outcomes(self, since: datetime) -> Iterator[ReceivedOutcome]:
        """The outcomes received since then that are not shipped yet; raises as `pending` does."""
        return (o for o in read_outcomes(self._folder) if o.received >= since)

    def health(self) -> DiskHealth:
        """How the disk below stands."""
        return self._disk.health()

    def seal(self) -> None:
        """Make what was appended so far ready to be shipped, and return when it is."""
        for wal in self._wals.values():
            wal.seal()

    def seal_if_due(self) -> None:
        """Seal the files that are old enough; call it now and then, traffic or not.

        Also sees whether a disk that did not take something takes it again.
        """
        self._disk.look()
        for wal in self._wals.values():
            wal.seal_if_due()

    def close(self) -> None:
        """Seal everything. The log may be appended to again."""
        self.seal()


def _packed(record: DecisionRecord) -> bytes:
    """The bytes of the record, read back so that nothing is acknowledged that never could be."""
    try:
        data = to_bytes(record)
        from_bytes(data)
        return data
    except (TypeError, ValueError, OverflowError, Corrupt) as error:
        where = f"decision {record.id}"
        raise BadInput(f"a value cannot be kept: {error}", where=where) from None
