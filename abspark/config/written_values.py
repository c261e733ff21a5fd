"""Values that are written out where Spark can make nothing of them: without a word, a condition would never hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from abspark.config.forms import NUMERIC_TYPES
from abspark.config.readable_text import is_date, is_integer, is_number, is_time_of_day, is_timestamp
from abspark.config.spark_sql import form, nodes
from abspark.config.spark_types import MAX_DECIMAL_PRECISION, UNKNOWN

_TIMESTAMP: Final = "timestamp"
_DATE: Final = "date"
_INTEGER: Final = "integer"
_REAL: Final = "real"
_TIMES: Final = (_TIMESTAMP, _DATE)
_NUMBERS: Final = (_INTEGER, _REAL)
_KINDS: Final = {
    **dict.fromkeys(NUMERIC_TYPES, _INTEGER),
    **dict.fromkeys(("float", "real", "double", "decimal", "dec", "numeric"), _REAL),
    **dict.fromkeys(("timestamp", "timestamp_ltz", "timestamp_ntz"), _TIMESTAMP),
    "date": _DATE,
}
_OF_FORMS: Final = {
    **dict.fromkeys(("TimestampTrunc", "StrToTime"), _TIMESTAMP),
    **dict.fromkeys(("DateTrunc", "LastDay", "TsOrDsAdd", "TsOrDsToDate"), _DATE),
}
"""What functions give, by the parser's names of them; of others nothing is told."""
_CANONICAL: Final = {"time": "timestamp", "ingested": "timestamp", "value": "double"}
"""Columns that are no text though no type is declared."""
_WITH_PARTS: Final = ("array", "map", "struct")
CLOCK_WORDS: Final = re.compile(r"\s*(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
"""Text that Spark reads as the time of the run."""

_COMPARISONS: Final = (
    *("Between", "In", "EQ", "EqualNull", "GT", "GTE"),
    *("LT", "LTE", "NEQ", "NullSafeEQ", "NullSafeNEQ"),
)
_AS_SPARK_WRITES: Final = {
    _TIMESTAMP: re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])?", re.ASCII),
    _DATE: re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    _INTEGER: re.compile(r"0|-?[1-9]\d*", re.ASCII),
    _REAL: re.compile(r"-?\d+\.\d+(E-?\d+)?", re.ASCII),
}
_IN_LISTS: Final = {
    _TIMESTAMP: "timestamp '2026-12-01'",
    _DATE: "date '2026-12-01'",
    **dict.fromkeys(_NUMBERS, "a number without quotes"),
}
_ALLOWED: Final = {
    _TIMESTAMP: "text such as 2026-12-01 or 2026-12-01T15:30:00Z",
    _DATE: "text such as 2026-12-01",
    _INTEGER: "a whole number",
    _REAL: "a number",
}
_LACKS: Final = {_TIMESTAMP: "no time", _DATE: "no date", _INTEGER: "no whole number", _REAL: "no number"}

Finding = tuple[str, str | None]


def written_value_faults(tree: Any, types: Mapping[str, str | None]) -> Iterator[Finding]:
    """What is wrong with the literals of an expression whose columns are known, and with what they are held against.

    Yields:
        (message, what is allowed)
    """
    for node in nodes(tree):
        name = form(node)
        if name in ("Cast", "TryCast"):
            yield from _of_cast(node)
        elif name == "TsOrDsToDate" and not node.args.get("format"):
            yield from _unreadable(node.this, _DATE, fraction=False)
        elif name in _COMPARISONS:
            yield from _of_comparison(node, types)
        elif name in ("Column", "Bracket"):
            yield from _of_path(node, types)
        elif name in ("Like", "ILike"):
            yield from _of_pattern(node)


def _of_cast(cast: Any) -> Iterator[Finding]:
    yield from _unreadable(cast.this, _kind_of_type(cast.to.sql("spark")), fraction=False)
    sizes = [int(size.name) for size in cast.to.expressions if form(size) == "DataTypeParam"]
    if cast.to.this.name == "DECIMAL" and sizes and sizes[0] > MAX_DECIMAL_PRECISION:
        yield f"a decimal has at most {MAX_DECIMAL_PRECISION} digits", f"decimal({MAX_DECIMAL_PRECISION}, …)"


def _of_comparison(node: Any, types: Mapping[str, str | None]) -> Iterator[Finding]:
    left, *others = map(_bare, node.iter_expressions())
    for right in others:
        kinds = [_kind(operand, types) for operand in (left, right)]
        if set(kinds) & set(_TIMES) and set(kinds) & set(_NUMBERS):
            yield "compares a time with a number, which Spark refuses", _ALLOWED[_TIMESTAMP]
        for text, kind in zip((left, right), reversed(kinds), strict=True):
            found = list(_unreadable(text, kind, fraction=True))
            yield from found or (_differently_written(text, kind) if form(node) == "In" else ())


def _unreadable(literal: Any, kind: str | None, *, fraction: bool) -> Iterator[Finding]:
    """The fault of a text that is written out where it becomes a value of another kind."""
    text = _text(literal)
    if text is None or kind not in _ALLOWED or CLOCK_WORDS.match(text):
        return
    if kind == _TIMESTAMP and is_time_of_day(text):
        yield f"{text!r} as a time depends on the clock", _ALLOWED[kind]
    elif not _readable(text, kind, fraction=fraction):
        yield f"{text!r} is {_LACKS[kind]} that Spark can read: it would be NULL on every row", _ALLOWED[kind]


def _readable(text: str, kind: str, *, fraction: bool) -> bool:
    if kind == _INTEGER:
        return is_integer(text, fraction=fraction)
    return {_TIMESTAMP: is_timestamp, _DATE: is_date, _REAL: is_number}[kind](text)


def _differently_written(literal: Any, kind: str | None) -> Iterator[Finding]:
    """`in` makes texts of all values where one of them is text: another text for the same value matches no row."""
    text = _text(literal)
    if text is not None and kind in _AS_SPARK_WRITES and not _AS_SPARK_WRITES[kind].fullmatch(text):
        yield f"`in` compares {text!r} as text, which no row has", _IN_LISTS[kind]


def _of_path(node: Any, types: Mapping[str, str | None]) -> Iterator[Finding]:
    """The fault of a field, key or index of a column that has none."""
    column = node.this if form(node) == "Bracket" else node
    if form(column) != "Column" or (len(column.parts) > 1) != (column is node):
        return
    name = column.parts[0].name
    declared = types[name] or _CANONICAL.get(name, "string")
    if _base(declared) not in (*_WITH_PARTS, UNKNOWN):
        yield f"{name!r} is of type {declared} and has no parts", "a part of an array, a map or a struct"


def _of_pattern(like: Any) -> Iterator[Finding]:
    pattern = _text(_bare(like.expression))
    escape = like.parent.expression.name if form(like.parent) == "Escape" else "\\"
    if pattern is None or len(escape) != 1:
        return
    sign = re.escape(escape)
    if not re.fullmatch(rf"(?:[^{sign}]|{sign}[_%{sign}])*", pattern, re.DOTALL):
        yield (
            f"the pattern {pattern!r} has the escape sign {escape!r} before something other than _ or %",
            f"{escape}_, {escape}%, or {escape}{escape} for the sign itself",
        )


def _kind(node: Any, types: Mapping[str, str | None]) -> str | None:
    """What kind of value an operand is; None where that is not told."""
    name = form(node)
    if name == "Literal":
        return None if node.is_string else _INTEGER if node.this.isdecimal() else _REAL
    if name in ("Cast", "TryCast"):
        return _kind_of_type(node.to.sql("spark"))
    if name == "Column" and len(node.parts) == 1:
        return _kind_of_type(types[node.name] or _CANONICAL.get(node.name, "string"))
    return _OF_FORMS.get(name)


def _kind_of_type(declared: str) -> str | None:
    return _KINDS.get(_base(declared))


def _base(declared: str) -> str:
    return re.split(r"\W", declared.strip().lower(), maxsplit=1)[0]


def _bare(node: Any) -> Any:
    while form(node) == "Paren":
        node = node.this
    return node


def _text(node: Any) -> str | None:
    node = _bare(node)
    return (
        str(node.this) if form(node) == "RawString" or (form(node) == "Literal" and node.is_string) else None
    )
