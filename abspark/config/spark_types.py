"""A reader of Spark SQL type names, strict where Spark's own would fail only in the middle of a run."""

from __future__ import annotations

import re
from typing import Final

SIMPLE_TYPES: Final = (
    "boolean",
    "tinyint",
    "byte",
    "smallint",
    "short",
    "int",
    "integer",
    "bigint",
    "long",
    "float",
    "real",
    "double",
    "string",
    "binary",
    "date",
    "timestamp",
    "timestamp_ltz",
    "timestamp_ntz",
)
UNKNOWN: Final = "unknown"
"""Stands for the type of a column that is declared with none that Spark has."""
MAX_DECIMAL_PRECISION: Final = 38
MAX_DEPTH: Final = 20

_TOKEN: Final = re.compile(r"\s*(`[^`]+`|\w+|[<>(),:])", re.ASCII)


class _Reader:
    """Recursive descent over the tokens of one type."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            if not (match := _TOKEN.match(stripped, position)):
                raise ValueError(f"is no Spark SQL type: unexpected {stripped[position]!r}")
            self.tokens.append(match[1])
            position = match.end()

    def next(self) -> str:
        if not self.tokens:
            raise ValueError("is no Spark SQL type: it ends too early")
        return self.tokens.pop(0)

    def expect(self, wanted: str) -> None:
        if (token := self.next()) != wanted:
            raise ValueError(f"is no Spark SQL type: {wanted!r} expected, not {token!r}")

    def accept(self, wanted: str) -> bool:
        if self.tokens[:1] == [wanted]:
            del self.tokens[0]
            return True
        return False

    def type(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueError(f"is nested more than {MAX_DEPTH} deep")
        token = self.next()
        name = token.lower()
        if name in ("decimal", "dec", "numeric"):
            self.decimal()
        elif name in ("char", "varchar"):
            self.expect("(")
            self.number(1, 2**31 - 1)
            self.expect(")")
        elif name == "array":
            self.expect("<")
            self.type(depth + 1)
            self.expect(">")
        elif name == "map":
            self.expect("<")
            self.type(depth + 1)
            self.expect(",")
            self.type(depth + 1)
            self.expect(">")
        elif name == "struct":
            self.struct(depth)
        elif name not in SIMPLE_TYPES:
            known = ", ".join((*SIMPLE_TYPES, "decimal(p,s)", "array<>", "map<,>", "struct<:>"))
            raise ValueError(f"is no Spark SQL type: {token!r} is not among {known}")

    def decimal(self) -> None:
        if self.accept("("):
            precision = self.number(1, MAX_DECIMAL_PRECISION)
            if self.accept(","):
                self.number(0, precision)
            self.expect(")")

    def struct(self, depth: int) -> None:
        self.expect("<")
        while True:
            field = self.next()
            if not (field.startswith("`") or field.isidentifier()):
                raise ValueError(f"is no Spark SQL type: {field!r} is no field name")
            self.accept(":")
            self.type(depth + 1)
            if not self.accept(","):
                break
        self.expect(">")

    def number(self, low: int, high: int) -> int:
        token = self.next()
        if not token.isdecimal() or not low <= int(token) <= high:
            raise ValueError(f"is no Spark SQL type: a number from {low} to {high} expected, not {token!r}")
        return int(token)


def check_type(text: str) -> str:
    """The type as written.

    Raises:
        ValueError: not a type that a column can be cast to.
    """
    reader = _Reader(text)
    reader.type(1)
    if reader.tokens:
        raise ValueError(f"is no Spark SQL type: unexpected {reader.tokens[0]!r} after it")
    return text
