"""Rules over several fields of one input, in CEL: `age >= years_employed`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from seawall.kernel import BadInput, nearest
from seawall.policy.cel import compiled

if TYPE_CHECKING:
    from cel import Program

    from seawall.serving.signature import Field

ALL = "input"
"""The variable that holds every field by name, for names that are no words of CEL."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*,")
_TYPES = frozenset(
    {"bool", "bytes", "double", "duration", "int", "list", "map", "string", "timestamp", "uint"}
)

_FAILS = (KeyError, RuntimeError, TypeError, ValueError, ArithmeticError)
"""What the engine raises when an expression cannot be computed of these values."""


class CrossField(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A demand on several fields at once.

    `rule` (CEL) reads fields by their names, or as `input["a name"]`: numbers as double, integers
    as int, categories and booleans as themselves. `message` is what a caller reads when it does
    not hold. In the mode `report` it is counted and refuses nothing.
    """

    name: str
    rule: str
    message: str = ""
    mode: Literal["strict", "report"] = "strict"

    @property
    def words(self) -> frozenset[str]:
        """The words that the rule is made of, texts left out."""
        return frozenset(_WORD.findall(_TEXT.sub("", self.rule)))


class _Ready(NamedTuple):
    """A rule's program, its fields with place and meaning, and how it is to be asked."""

    program: Program
    fields: tuple[tuple[str, int, Callable[[float], Any]], ...]
    as_map: bool
    says_null: bool


class CrossFields:
    """Rules made ready for rows of a model's matrix."""

    def __init__(self, rules: Sequence[CrossField], fields: Sequence[Field]) -> None:
        self.rules = tuple(rules)
        self._ready = [_ready(rule, fields) for rule in rules]

    def places(self, at: int) -> list[int]:
        """The places, in the signature, of the fields that a rule reads."""
        return [place for _, place, _ in self._ready[at].fields]

    def hold(self, values: Sequence[float]) -> bool:
        """Whether no rule is broken by one valid row, its numbers in the order of the fields."""
        return not any(self.broken(at, values) for at in range(len(self.rules)))

    def broken(self, at: int, values: Sequence[float]) -> bool:
        """Whether a rule is broken by a row; so it is by one of which it cannot be computed.

        A rule that reads a null is not broken, unless it speaks of null itself.
        """
        program, fields, as_map, says_null = self._ready[at]
        facts: dict[str, Any] = {}
        for name, place, plain in fields:
            value = values[place]
            if value == value:
                facts[name] = plain(value)
            elif says_null:
                facts[name] = None
            else:
                return False
        try:
            return program.execute({ALL: facts} | facts if as_map else facts) is not True
        except _FAILS:
            return True


def problem_of(rule: CrossField, fields: Sequence[Field]) -> str:
    """What is wrong with a rule over these fields, in a sentence; empty when nothing is.

    It is tried once on values that the fields allow, which shows mistaken types.
    """
    try:
        program = compiled(rule.rule)
    except BadInput as error:
        return f"rule {rule.name!r}: {error}"
    names = [f.name for f in fields]
    for word in sorted({*program.variables()} - _TYPES - {*_BOUND.findall(rule.rule)} - {ALL}):
        if word not in names:
            return f"rule {rule.name!r} reads {word!r}, which is no field; {nearest(word, names)}"
    ready = _ready(rule, fields)
    if not ready.fields:
        return f"rule {rule.name!r} reads no field"
    if ready.says_null:
        return ""
    by_name = {f.name: f for f in fields}
    facts = {name: plain(_typical(by_name[name])) for name, _, plain in ready.fields}
    try:
        found: Any = program.execute({ALL: facts} | facts if ready.as_map else facts)
    except _FAILS as error:
        found = error
    if isinstance(found, bool | ArithmeticError):
        return ""
    if isinstance(found, Exception):
        told = str(found).split(". ")[0].rstrip(".")
        return (
            f"rule {rule.name!r} cannot be computed: {told}; a number is a double and an integer "
            "an int, write 2.0 or double(x) beside a double"
        )
    return f"rule {rule.name!r} gives {type(found).__name__}, not true or false; compare it"


def _ready(rule: CrossField, fields: Sequence[Field]) -> _Ready:
    program = compiled(rule.rule)
    used = set(program.variables())
    as_map = ALL in used and not any(f.name == ALL for f in fields)
    read = tuple(
        (f.name, place, plain_value(f))
        for place, f in enumerate(fields)
        if f.name in used or (as_map and _by_name(f.name, rule.rule))
    )
    return _Ready(program, read, as_map, "null" in rule.words)


def _by_name(name: str, rule: str) -> bool:
    """Whether a rule takes the field out of the map of all fields."""
    return any(form in rule for form in (f"{ALL}['{name}']", f'{ALL}["{name}"]', f"{ALL}.{name}"))


def plain_value(field: Field) -> Callable[[float], Any]:
    """From a number of the matrix to the value that it stands for."""
    if field.kind == "number":
        return float
    if field.kind == "boolean":
        return bool
    if field.kind == "category" and isinstance(field.categories[0], str):
        return lambda value: field.categories[int(value)]
    return lambda value: int(value) if value == int(value) else value


def _typical(field: Field) -> float:
    if field.kind == "category":
        return next(iter(field.codes.values()))
    if field.kind == "boolean":
        return 1.0
    low = -1e6 if field.minimum is None else field.minimum
    high = 1e6 if field.maximum is None else field.maximum
    middle = low / 2 + high / 2
    return float(round(middle)) if field.kind == "integer" else middle
