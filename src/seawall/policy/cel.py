"""CEL, the Common Expression Language, over plain facts.

An expression is parsed once per process. It has no loops, files or time of its own, so its cost
is bounded by its text and its facts. Source: https://cel.dev (specification, 2023).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from seawall.kernel import BadInput

if TYPE_CHECKING:
    from cel import Program

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UnknownFact(Exception):
    """The expression asks for a fact that was not given; the message names it."""


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Program:
    """The parsed expression; raises `BadInput` with the parser's own first line."""
    import cel

    try:
        return cel.compile(expression)
    except ValueError as error:
        detail = str(error).partition("ERROR: <input>:")[2].partition("\n")[0] or str(error)
        raise BadInput(
            f"CEL expression does not parse: {expression!r}",
            where=f"line:column {detail}" if detail else "",
            remedy="see https://cel.dev for the language",
        ) from error


def holds(expression: str, facts: Mapping[str, Any]) -> bool:
    """Whether the expression is true of the facts.

    `facts` hold plain values: booleans, numbers, strings, dates, lists and mappings of them.
    Raises `UnknownFact` when it asks for one that is not there, `BadInput` when it is no
    yes-or-no expression or cannot be computed (a wrong type, a division by zero).
    """
    program = compiled(expression)
    try:
        value = program.execute(dict(facts))
    except KeyError as error:
        raise UnknownFact(str(error.args[0]).strip("'")) from error
    except RuntimeError as error:
        missing = re.search(r"[Uu]ndefined variable or function: '([^']+)'", str(error))
        if missing and missing[1] in program.variables():
            raise UnknownFact(missing[1]) from error
        raise BadInput(f"CEL expression {expression!r} cannot be computed: {error}") from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise BadInput(f"CEL expression {expression!r} cannot be computed: {error}") from error
    if not isinstance(value, bool):
        raise BadInput(
            f"CEL expression {expression!r} gives {type(value).__name__}, not true or false",
            remedy="compare it with something",
        )
    return value


def mentions(expression: str, measures: Iterable[str]) -> tuple[str, ...]:
    """The measures whose name the expression contains as a word, anywhere, text included.

    An estimate has no place in CEL: `auc >= 0.8` would judge a bare value, whatever the interval.
    """
    words = set(_WORD.findall(expression))
    return tuple(sorted({m for m in measures if m.partition("[")[0] in words}))
