"""Spark SQL expressions in the configuration: what they read, and whether they may be run.

They are parsed, never evaluated. Allowed are declared columns, operators and the functions of `functions.py`;
anything else is refused, so that an expression can neither leave its row nor differ between two runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from abspark.config.arguments import argument_faults
from abspark.config.faults import near_miss
from abspark.config.forms import (
    BOOLEAN_FORMS,
    FORMS,
    NUMBER_FORMS,
    NUMERIC_TYPES,
    REFUSED_FORMS,
    TEXT_FORMS,
)
from abspark.config.functions import (
    ANY_TYPE_FUNCTIONS,
    BEFORE_BRACKET,
    BETWEEN_OPERANDS,
    BOOLEAN_FUNCTIONS,
    COLLECTION_FUNCTIONS,
    FUNCTIONS,
    REFUSALS,
    TIME_FUNCTIONS,
    UNITS,
)
from abspark.config.spark_sql import Word, bare_functions, form, nodes, parse
from abspark.config.spark_types import UNKNOWN
from abspark.config.written_values import CLOCK_WORDS, written_value_faults

_LITERALS: Final = ("Literal", "RawString")
_TEXT_COMPARISONS: Final = ("EQ", "NEQ", "NullSafeEQ", "In", "Like", "ILike")
_TEXT_RESULTS: Final = (*_LITERALS, "Lower", "Upper", "Trim")

_BOOLEAN: Final = "a condition"
_NUMBER: Final = "a number"
_TEXT: Final = "text"
_TIME: Final = "a time"
_NESTED: Final = "no single value"
_NOT_BOOLEAN: Final = "something else"
_NO_NUMBERS: Final = (_BOOLEAN, _TEXT, _TIME, _NESTED)
_TYPES: Final[Mapping[str, str | None]] = {
    **dict.fromkeys(("string", "char", "varchar"), _TEXT),
    **dict.fromkeys(("date", "timestamp", "timestamp_ltz", "timestamp_ntz"), _TIME),
    **dict.fromkeys(("array", "map", "struct"), _NESTED),
    **dict.fromkeys(NUMERIC_TYPES, _NUMBER),
    "boolean": _BOOLEAN,
    UNKNOWN: None,
}

_NO_NAMES: Final[Mapping[str, str]] = {}

Role = Literal["condition", "value", "key"]
Finding = tuple[str, str | None]
"""(message, what is allowed)"""


def columns_used(expression: str) -> frozenset[str]:
    """The columns an expression reads; of a path such as `a.b` or `tags['k']` the first part.

    Raises:
        ValueError: the expression cannot be parsed.
    """
    _, tree = parse(expression)
    return frozenset(node.parts[0].name for node in nodes(tree) if form(node) == "Column")


def expression_faults(
    expression: str, types: Mapping[str, str | None], role: Role, called: Mapping[str, str] = _NO_NAMES
) -> list[Finding]:
    """What is wrong with an expression; empty when it may be run.

    Args:
        expression: Spark SQL text.
        types: the columns it may read, with their Spark SQL type where that is declared.
        role: a condition must not be known to be other than boolean, a value not known to be other than a number,
            a key (whose values are told apart) may be anything.
        called: raw columns of the log, with the names that expressions have for them.
    """
    try:
        words, tree = parse(expression)
    except ValueError as error:
        return [(str(error), None)]
    found = [*_call_faults(words), *_form_faults(tree), *_column_faults(tree, types, called)]
    found = found or [(message, None) for message in argument_faults(words, tree)]
    found = found or [*_clock_faults(tree, types), *written_value_faults(tree, types)]
    return list(dict.fromkeys(found)) or list(_role_faults(words, tree, types, role))


def _call_faults(words: Sequence[Word]) -> Iterator[Finding]:
    """Judge calls by the name as written, before the parser translates names into forms of its own."""
    bare = bare_functions()
    end = Word("", "", is_sign=True)
    for before, word, after in zip((end, *words), words, (*words[1:], end), strict=False):
        called = after.is_sign and after.text == "("
        name = word.text.lower()
        if word.kind in bare and not called:
            yield f"{name} {REFUSALS.get(name, 'depends on the session')}", None
        elif not called or not word.is_name:
            continue
        elif before.is_sign and before.text == ".":
            yield (
                f"{word.text}() belongs to a catalog or a path; only Spark's own functions are allowed",
                None,
            )
        elif message := _call_fault(word, before):
            yield message, None


def _call_fault(word: Word, before: Word) -> str | None:
    name = word.text.lower()
    if name in REFUSALS:
        return f"{name}() {REFUSALS[name]}"
    operand_before = not before.is_sign or before.text in (")", "]")
    operator = name in BEFORE_BRACKET and (operand_before or name not in BETWEEN_OPERANDS)
    if name in FUNCTIONS or (operator and word.kind != "IDENTIFIER"):
        return None
    return f"{name}() is no allowed function{near_miss(name, FUNCTIONS)}"


def _form_faults(tree: Any) -> Iterator[Finding]:
    from sqlglot import exp

    for node in nodes(tree):
        name = form(node)
        if name in REFUSED_FORMS:
            yield REFUSED_FORMS[name], None
        elif name not in FORMS and not isinstance(node, exp.Func):
            yield f"{name} is not allowed in an expression", None


def _clock_faults(tree: Any, types: Mapping[str, str | None]) -> Iterator[Finding]:
    """Spark reads text such as 'now' as the current time wherever it becomes a time, written or implied."""
    for node in nodes(tree):
        text = str(node.this) if form(node) in _LITERALS else ""
        if CLOCK_WORDS.match(text) and not _compared_with_text(node, types):
            yield f"{text!r} as a time depends on the clock", None


def _compared_with_text(node: Any, types: Mapping[str, str | None]) -> bool:
    if form(node.parent) not in _TEXT_COMPARISONS:
        return False
    others = [other for other in node.parent.iter_expressions() if other is not node]
    return all(
        form(other) in _TEXT_RESULTS or (form(other) == "Column" and _kind_of_column(other, types) == _TEXT)
        for other in others
    )


def _column_faults(
    tree: Any, types: Mapping[str, str | None], called: Mapping[str, str]
) -> Iterator[Finding]:
    names = {column.lower(): name for column, name in called.items()}
    for node in nodes(tree):
        if form(node) == "Var" and node.name.lower() not in UNITS:
            yield f"{node.name!r} is no unit of time", "year, quarter, month, week, day, hour, minute, second"
        elif form(node) == "Column" and form(node.parts[0]) == "Identifier":
            name = node.parts[0].name
            if name not in types:
                here = names.get(name.lower())
                hint = near_miss(name, types) if here is None else f"; here it is called {here!r}"
                yield f"{name!r} is no column of the source{hint}", ", ".join(types)


def _role_faults(
    words: Sequence[Word], tree: Any, types: Mapping[str, str | None], role: Role
) -> Iterator[Finding]:
    kind = _kind(words, tree, types)
    if role == "condition" and kind not in (None, _BOOLEAN):
        yield f"is {kind}, not a condition", "an expression that is true or false"
    if role == "value" and kind in _NO_NUMBERS:
        yield f"is {kind}, not a number", "a number; of a condition: case when … then 1 else 0 end"


def _kind(words: Sequence[Word], tree: Any, types: Mapping[str, str | None]) -> str | None:
    """What an expression gives; None where that cannot be told without the data."""
    opened = 0
    while form(tree) == "Paren":
        tree, opened = tree.this, opened + 1
    name = form(tree)
    if name == "Literal":
        return _TEXT if tree.is_string else _NUMBER
    if name in ("Cast", "TryCast"):
        return _kind_of_type(tree.to.sql("spark"))
    if name == "Column":
        return _kind_of_column(tree, types)
    for forms, kind in ((BOOLEAN_FORMS, _BOOLEAN), (NUMBER_FORMS, _NUMBER), (TEXT_FORMS, _TEXT)):
        if name in forms:
            return kind
    function = words[opened].text.lower()
    if name in FORMS or function in ANY_TYPE_FUNCTIONS:
        return None
    for functions, kind in (
        (BOOLEAN_FUNCTIONS, _BOOLEAN),
        (TIME_FUNCTIONS, _TIME),
        (COLLECTION_FUNCTIONS, _NESTED),
    ):
        if function in functions:
            return kind
    return _NOT_BOOLEAN


def _kind_of_column(column: Any, types: Mapping[str, str | None]) -> str | None:
    name = column.parts[0].name
    if len(column.parts) > 1:
        return None
    if declared := types[name]:
        return _kind_of_type(declared)
    return {"value": _NUMBER, "time": _TIME, "ingested": _TIME}.get(name, _TEXT)


def _kind_of_type(declared: str) -> str | None:
    return _TYPES.get(re.split(r"\W", declared.lower(), maxsplit=1)[0], _NOT_BOOLEAN)
