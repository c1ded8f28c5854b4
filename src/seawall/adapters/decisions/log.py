"""The gateway's side of the decision log: append, and read back what is not shipped yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from seawall.adapters.decisions.read import (
    DECISIONS,
    OUTCOMES,
    ReceivedOutcome,
    read_decisions,
    read_outcomes,
)
from seawall.adapters.decisions.shadows import SHADOWS, ShadowScore
from seawall.adapters.decisions.wal import Recovered, Wal, WalName
from seawall.kernel import BadInput, Clock, Corrupt, Ids, id_time, now
from seawall.serving.decision import DecisionRecord, from_bytes, to_bytes
from seawall.serving.outcome import Outcome


class DecisionLog:
    """Takes decisions and outcomes and answers when they are safe. Usable from several threads.

    `enqueued` records are with the operating system: they survive the death of the process, not of
    the machine. `durable` ones are synced to the disk. Several processes may share the folder.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        gateway: str,
        clock: Clock,
        seal_rows: int = 50_000,
        seal_seconds: float = 60.0,
    ) -> None:
        self._folder, self._clock = Path(folder), clock
        name = WalName(gateway, Ids(clock)(), 0)
        after = timedelta(seconds=seal_seconds)
        self._decisions, self._outcomes, self._shadows = self._wals = tuple(
            Wal(self._folder / kind, name, clock, seal_rows=seal_rows, seal_after=after)
            for kind in (DECISIONS, OUTCOMES, SHADOWS)
        )

    @property
    def recovered(self) -> tuple[Recovered, ...]:
        """The files that a crash had left open when this log was opened."""
        return tuple(found for wal in self._wals for found in wal.recovered)

    def append(self, records: Sequence[DecisionRecord], *, durable: bool) -> None:
        """Keep these decisions: all or none. Returns when they are enqueued, or durable.

        Raises `BadInput` for an id that is no UUIDv7 or a value that cannot be kept, and
        `Unavailable` when the disk does not take them.
        """
        for record in records:
            id_time(record.id)
        self.append_packed([_packed(r) for r in records], durable=durable)

    def append_packed(self, payloads: Sequence[bytes], *, durable: bool) -> None:
        """Keep decisions that are packed already, as `append` does but without a second look."""
        self._decisions.append(payloads, durable=durable)

    def append_outcomes(self, outcomes: Sequence[Outcome], *, durable: bool = True) -> None:
        """Keep these outcomes: all or none. One without a time was observed now."""
        received = now(self._clock)
        for outcome in outcomes:
            id_time(outcome.decision_id)
        self._outcomes.append(
            [
                msgspec.msgpack.encode(
                    ReceivedOutcome(o.decision_id, o.label, o.time or received, received)
                )
                for o in outcomes
            ],
            durable=durable,
        )

    def append_shadows(self, scores: Sequence[ShadowScore]) -> None:
        """Keep what a shadow said of decisions: all or none, enqueued."""
        self._shadows.append([msgspec.msgpack.encode(s) for s in scores], durable=False)

    def pending(self, since: datetime) -> Iterator[DecisionRecord]:
        """The decisions made since then that are not shipped yet, file by file.

        Raises `Corrupt` after the last of them when some of a file cannot be read.
        """
        return (r for r in read_decisions(self._folder) if r.time >= since)

    def pending_outcomes(self, since: datetime) -> Iterator[ReceivedOutcome]:
        """The outcomes received since then that are not shipped yet; raises as `pending` does."""
        return (o for o in read_outcomes(self._folder) if o.received >= since)

    def seal(self) -> None:
        """Make what was appended so far ready to be shipped, and return when it is."""
        for wal in self._wals:
            wal.seal()

    def seal_if_due(self) -> None:
        """Seal the files that are old enough; call it now and then, traffic or not."""
        for wal in self._wals:
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
