"""What changed from one signature to another, and whether its callers notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from seawall.serving.remedy import LOOKS_LIKE, alike, within
from seawall.serving.signature import Field, Signature

What = Literal[
    "new", "gone", "renamed", "order", "kind", "unit", "narrowed", "widened", "categories",
    "missing", "mode", "default", "rule",
]  # fmt: skip


class Change(msgspec.Struct, frozen=True):
    """One difference. `breaks`: an input that was valid, without a field that the old signature
    does not know, may be invalid or mean something else."""

    field: str
    what: What
    breaks: bool
    sentence: str


def compare(old: Signature, new: Signature) -> tuple[Change, ...]:
    """The changes, in the order of the old fields and then the new ones; empty when equal.

    A field that is gone and one that is new are one renamed field where kind, range and categories
    are the same and the names are alike, or nothing else is gone or new.
    """
    was, now = ({f.name: f for f in s.fields} for s in (old, new))
    pairs = _renamed(was, now)
    found: list[Change] = []
    for name, field in was.items():
        if name in pairs:
            told = f"{name} is called {pairs[name]} now"
            found.append(Change(name, "renamed", True, told))
        elif name not in now:
            told = f"{name} is gone; it is ignored where it is still sent"
            found.append(Change(name, "gone", False, told))
        after = now.get(pairs.get(name, name))
        found += _of_field(field, after) if after else ()
    for name in now.keys() - was.keys() - {*pairs.values()}:
        required = now[name].default is None and now[name].mode != "report"
        told = f"{name} is new and " + ("must be sent" if required else "need not be sent")
        found.append(Change(name, "new", required, told))
    names = [pairs.get(n, n) for n in old.names if pairs.get(n, n) in now]
    if names != [n for n in new.names if n in names]:
        told = "the fields are in another order, so the model is another; callers do not see it"
        found.append(Change("*", "order", False, told))
    return (*found, *_of_rules(old, new))


def _renamed(was: Mapping[str, Field], now: Mapping[str, Field]) -> dict[str, str]:
    gone = [n for n in was if n not in now]
    fresh = [n for n in now if n not in was]
    pairs: dict[str, str] = {}
    for name in gone:
        same = [n for n in fresh if n not in pairs.values() and _core(now[n]) == _core(was[name])]
        if not same:
            continue
        best = max(same, key=lambda n: alike(name, n))
        if len(gone) == len(fresh) == 1 or alike(name, best) >= LOOKS_LIKE:
            pairs[name] = best
    return pairs


def _core(field: Field) -> tuple[Any, ...]:
    return field.kind, field.minimum, field.maximum, field.categories


def _of_field(old: Field, new: Field) -> Iterator[Change]:
    name = new.name
    if old.kind != new.kind:
        wider = (old.kind, new.kind) == ("integer", "number")
        yield Change(name, "kind", not wider, f"{name}: {old.kind} is {new.kind} now")
    if old.unit != new.unit:
        units = [unit or "no unit" for unit in (old.unit, new.unit)]
        told = f"{name}: {units[0]} is {units[1]} now"
        yield Change(name, "unit", bool(old.unit and new.unit), told)
    numbers = {old.kind, new.kind} <= {"number", "integer"}
    if numbers and (old.low, old.high) != (new.low, new.high):
        narrowed = new.low > old.low or new.high < old.high
        told = f"{name}: {_range(old)} is {_range(new)} now"
        breaks = narrowed and new.mode != "report"
        yield Change(name, "narrowed" if narrowed else "widened", breaks, told)
    if old.kind == new.kind == "category" and old.categories != new.categories:
        yield _of_categories(old, new)
    if _missing(old) != _missing(new):
        stricter = _missing(old) == "filled in" or _missing(new) == "required"
        told = f"{name}: what is missing was {_missing(old)} and is {_missing(new)}"
        yield Change(name, "missing", stricter and new.mode != "report", told)
    if old.default is not None and new.default is not None and old.default != new.default:
        told = f"{name}: {new.default} stands for what is missing, before it was {old.default}"
        yield Change(name, "default", False, told)
    if old.mode != new.mode:
        told = f"{name}: {old.mode} is {new.mode} now"
        yield Change(name, "mode", old.mode != "strict", told)


def _of_categories(old: Field, new: Field) -> Change:
    gone = [str(c) for c in old.categories if c not in new.categories]
    more = [str(c) for c in new.categories if c not in old.categories]
    parts = [f"without {_some(gone)}"] if gone else []
    parts += [f"with {_some(more)}"] if more else []
    parts += [] if parts else ["in another order"]
    breaks = bool(gone) and new.mode != "report"
    return Change(new.name, "categories", breaks, f"{new.name}: categories {', '.join(parts)}")


def _of_rules(old: Signature, new: Signature) -> Iterator[Change]:
    was, now = ({r.name: r for r in s.rules} for s in (old, new))
    for name in (*was, *(n for n in now if n not in was)):
        before, after = was.get(name), now.get(name)
        if after is None:
            yield Change(name, "rule", False, f"rule {name!r} is gone")
        elif before is None or (before.rule, before.mode) != (after.rule, after.mode):
            told = "is new" if before is None else f"was {before.rule} ({before.mode})"
            told = f"rule {name!r} {told}: {after.rule} ({after.mode})"
            yield Change(name, "rule", after.mode == "strict", told)


def _missing(field: Field) -> str:
    if field.default is not None:
        return "filled in"
    return "null" if field.nullable else "required"


def _range(field: Field) -> str:
    unlimited = field.minimum is None and field.maximum is None
    return "any number" if unlimited else within(field)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
