"""Which cohort and groups a decision belongs to, as a small number that an index keeps for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from seawall.adapters.decisions.apart import Apart, value_of
from seawall.adapters.decisions.frame import frame, scan
from seawall.adapters.decisions.keyring import Keyring, opened, sealed
from seawall.adapters.signing.envelope import unseal
from seawall.adapters.signing.keys import read_public_pem
from seawall.gateway.classes import read_labels
from seawall.gateway.live import Cohort
from seawall.gateway.state import State, replace
from seawall.kernel import BadInput, Corrupt, SeawallError
from seawall.serving.bundle import Bundle
from seawall.serving.output import Output
from seawall.statistics.grid import Grid

MOST_STRATA = 50_000
"""With so many, further groups are counted as `(other)`: values may be anything, also unique."""
OTHER = "(other)"
LONGEST = 128
"""Characters kept of a group's name."""
DEFAULT_AGE = 7 * 86_400.0
_log: Any = structlog.get_logger("seawall.gateway.keeper")

Groups = tuple[str | None, ...]


class Stratum(msgspec.Struct, frozen=True, array_like=True):
    """A cohort, and one value of each of its columns."""

    cohort: Cohort
    groups: Groups


class Terms(NamedTuple):
    """What a bundle says of labels: how old they may be, and by which fields they are grouped."""

    label_age_seconds: float
    columns: tuple[str, ...]
    hidden: frozenset[str]
    """Columns that the privacy rule hides in records: they are kept apart from them."""
    output: Output = Output()
    tolerance: float | None = None
    value_grid: Grid | None = None


class Strata:
    """Numbers strata in the order they are met, and remembers them in a file of frames.

    They name groups that are kept apart from decisions, and so are under the first key of those:
    what is there under another is written anew. Raises `BadInput` without a key that it is under,
    and `Corrupt` for a file that has rotted: numbers after the damage would name other groups.
    """

    def __init__(self, path: Path, apart_keys: Keyring | None = None) -> None:
        self._path, self._keys = path, apart_keys
        self.cohorts: list[Cohort] = []
        """Every cohort met."""
        self.groups: list[Groups] = []
        """The groups of each stratum, by its number."""
        self._cohort_of: list[int] = []
        self._numbers: dict[Cohort, int] = {}
        self._codes: dict[Stratum, int] = {}
        self._new: list[Stratum] = []
        if path.exists():
            for stratum in self._kept():
                self._add(stratum)

    def code(self, cohort: Cohort, groups: Groups) -> int:
        """The number of a stratum; `keep` must follow before it is written anywhere."""
        stratum = Stratum(cohort, groups)
        code = self._codes.get(stratum)
        if code is None and len(self.groups) >= MOST_STRATA:
            stratum = Stratum(cohort, (OTHER,) * len(groups))
            code = self._codes.get(stratum)
        if code is None:
            code = self._add(stratum)
            self._new.append(stratum)
        return code

    def keep(self) -> None:
        """Have on disk every number that was given."""
        if self._new:
            with self._path.open("ab") as file:
                file.write(frame(sealed(msgspec.msgpack.encode(self._new), self._keys)))
                file.flush()
                os.fsync(file.fileno())
            self._new = []

    def _kept(self) -> list[Stratum]:
        """What is in the file, once nothing in it is under another key than the first."""
        found = scan(self._path.read_bytes())
        if found.damage:
            raise Corrupt(
                "the names of the labels' groups have rotted",
                where=f"{self._path}:{found.damage[0].start}",
                remedy="move the folder labels away: labels of decisions made so far find nothing",
            )
        os.truncate(self._path, found.end)
        read = [bytes(opened(payload, self._keys)) for payload in found.payloads.values()]
        if self._keys and not all(map(self._keys.is_first, found.payloads.values())):
            replace(self._path, b"".join(frame(self._keys.seal(part)) for part in read))
        return [s for part in read for s in msgspec.msgpack.decode(part, type=list[Stratum])]

    @property
    def cohort_of(self) -> NDArray[np.int64]:
        """The number of each stratum's cohort."""
        return np.array(self._cohort_of, np.int64)

    @property
    def ages(self) -> NDArray[np.int64]:
        """The label age of each stratum, in nanoseconds."""
        ages = np.array([cohort.label_age_ns for cohort in self.cohorts], np.int64)
        return ages[self.cohort_of]

    def labels(self, code: NDArray[np.int64], told: NDArray[np.float64]) -> NDArray[np.float64]:
        """Labels as decisions of these strata have them; NaN where one says nothing of its kind."""
        cohort = self.cohort_of[code]
        found = np.full(len(told), np.nan)
        for number in np.unique(cohort).tolist():
            mine = cohort == number
            found[mine] = read_labels(self.cohorts[number].output, told[mine])
        return found

    def _add(self, stratum: Stratum) -> int:
        cohort = self._numbers.setdefault(stratum.cohort, len(self.cohorts))
        if cohort == len(self.cohorts):
            self.cohorts.append(stratum.cohort)
        self._cohort_of.append(cohort)
        self.groups.append(stratum.groups)
        code = self._codes[stratum] = len(self.groups) - 1
        return code


class Bundles:
    """The terms of the bundles that this gateway holds or held, read from its state folder.

    A decision whose bundle was replaced before it was read here goes by the endpoint's present one.
    """

    def __init__(self, state: State, public_keys: Sequence[bytes]) -> None:
        self._state = state
        self._keys = [read_public_pem(pem) for pem in public_keys]
        self._terms: dict[tuple[str, str | None], Terms] = {}

    def terms(self, endpoint: str, digest: str | None) -> Terms:
        """What goes for a decision of this endpoint made under this bundle."""
        known = self._terms.get((endpoint, digest))
        if known is None:
            known = self._terms[endpoint, digest] = self._read(endpoint, digest)
        return known

    def _read(self, endpoint: str, digest: str | None) -> Terms:
        present = list[Terms]()
        for kept in ("safe", "current"):
            envelope = self._state.envelope(endpoint, kept)
            if envelope is None:
                continue
            try:
                bundle = Bundle.from_bytes(unseal(envelope, self._keys)[1])
            except SeawallError as error:
                _log.error("bundle", endpoint=endpoint, kept=kept, error=str(error))
                continue
            present.append(_terms(bundle))
            if str(bundle.digest) == digest:
                break
        if not present:
            _log.error("no bundle; labels are joined by the default age", endpoint=endpoint)
            return Terms(DEFAULT_AGE, (), frozenset())
        return present[-1]


def _terms(bundle: Bundle) -> Terms:
    grid = bundle.value_grid
    return Terms(
        bundle.label_age_seconds,
        bundle.protected,
        bundle.apart,
        bundle.output,
        bundle.value.tolerance,
        # errors are counted by where the grid lies, and the atoms would be kept with every stratum
        None if grid is None else msgspec.structs.replace(grid, atoms=()),
    )


class Reader:
    """Reads the groups of a decision from the log, by the columns asked.

    Those of a hidden column are in what is kept apart; one whose key is not here has no value.
    """

    def __init__(
        self, columns: tuple[str, ...], hidden: frozenset[str], apart_keys: Keyring | None = None
    ) -> None:
        names = [f"f{place}" for place in range(len(columns))]
        fields: list[tuple[str, Any, Any]] = [(name, Any, None) for name in names]
        rename = dict(zip(names, columns, strict=True))
        row: Any = msgspec.defstruct("Groups", fields, rename=rename, gc=False)
        self._decode: Callable[[msgspec.Raw], Any] = msgspec.msgpack.Decoder(row).decode
        self._take = msgspec.structs.astuple
        self._empty = not columns
        self._hidden = [(at, name) for at, name in enumerate(columns) if name in hidden]
        self._keys, self._complained = apart_keys, False

    def __call__(self, input_: msgspec.Raw, apart: Apart) -> Groups:
        """A value of each column, None where it is absent or no name."""
        if self._empty:
            return ()
        values = self._take(self._decode(input_))
        if self._hidden:
            values = [*values]
            for at, name in self._hidden:
                values[at] = self._value(apart[name]) if name in apart else None
        return tuple(v if type(v) is str and len(v) <= LONGEST else group(v) for v in values)

    def _value(self, content: bytes) -> Any:
        try:
            return value_of(content, self._keys)
        except (BadInput, Corrupt) as error:
            if not self._complained:
                _log.error("protected attributes cannot be read", error=str(error))
                self._complained = True
            return None


def group(value: Any) -> str | None:
    """A protected value as the name of a group."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not np.isfinite(value):
            return None
        value = int(value) if value.is_integer() else value
    return str(value)[:LONGEST] if isinstance(value, str | int | float) else None
