"""Which forms of Spark SQL an expression may have besides calls, by the parser's names of them."""

from __future__ import annotations

from typing import Final

_COMPARISONS: Final = """
    Boolean And Or Not EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Like ILike Escape
"""
_ARITHMETIC: Final = "Add Sub Mul Div IntDiv Mod Neg BitwiseAnd BitwiseOr BitwiseXor BitwiseNot"
_TEXT: Final = "RawString DPipe"
_OTHER: Final = """
    Column Identifier Literal Null Paren Bracket Dot DataType DataTypeParam Interval IntervalSpan Var
"""
_SIGNS: Final = "( ) [ ] , . + - * / % = == <> != < > <= >= <=> ! ~ & | ^ || ::"
_NUMERIC_TYPES: Final = """
    tinyint byte smallint short int integer bigint long float real double decimal dec numeric
"""

BOOLEAN_FORMS: Final = frozenset(_COMPARISONS.split()) | {"RegexpLike"}
NUMBER_FORMS: Final = frozenset(_ARITHMETIC.split())
TEXT_FORMS: Final = frozenset(_TEXT.split())
FORMS: Final = frozenset(" ".join((_COMPARISONS, _ARITHMETIC, _TEXT, _OTHER)).split())
SIGNS: Final = frozenset(_SIGNS.split())
NUMERIC_TYPES: Final = frozenset(_NUMERIC_TYPES.split())

REFUSED_FORMS: Final = {
    "Select": "subqueries are not allowed",
    "Subquery": "subqueries are not allowed",
    "Star": "stars are not allowed: name the columns",
    "Window": "window functions are not allowed",
    "Tuple": "lists in brackets are allowed after `in` only",
}
