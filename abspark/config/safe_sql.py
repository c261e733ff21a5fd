"""Expressions rewritten so that no row can make them raise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final

from abspark.config.spark_sql import dialect

_DAYS: Final = (-4_000_000, 4_000_000)
_MONTHS: Final = (-120_000, 120_000)
_YEARS: Final = (0, 9_999)
_SECONDS: Final = (-62_135_596_800, 253_402_300_799)
"""The years 1 to 9999; a time some 290,000 years away overflows as soon as anything is done with it."""
_PER_SECOND: Final = {"timestamp_seconds": 1, "timestamp_millis": 1_000, "timestamp_micros": 1_000_000}


@lru_cache(maxsize=4096)
def never_raising(expression: str) -> str:
    """The same Spark SQL expression, giving NULL where it would overflow, fail to convert or use an index of 0.

    Sums, differences, products, casts and decoding functions become their `try_` forms, and arguments that a function
    does not take become NULL. What is left and may raise, `abspark.config.arguments` refuses, but for duplicate keys
    of a map and a division by zero, over which the session's settings decide. An expression without any of these stays
    as written.
    """
    tree, changed = _safe_tree(expression)
    return str(tree.sql(dialect=dialect())) if changed else expression


def calls_in(expression: str) -> tuple[str, ...]:
    """The calls and matches that `never_raising` of an expression evaluates, on some rows or on all."""
    from sqlglot import exp

    tree, _ = _safe_tree(expression)
    found = (
        node
        for node in tree.walk()
        if isinstance(node, exp.Func | exp.Like | exp.ILike)
        and not isinstance(node, exp.Connector | exp.Case | exp.If | exp.Cast)
        and not isinstance(node.parent, exp.Escape)
    )
    return tuple(dict.fromkeys(str(node.sql(dialect=dialect())) for node in found))


def _safe_tree(expression: str) -> tuple[Any, bool]:
    """The tree of the safe form, and whether it is another than that of the expression."""
    from sqlglot import exp

    tree = exp.Paren(this=exp.condition(expression, dialect=dialect()))
    risky = [(node, made) for node in tree.walk(bfs=True) if (made := _rewriting(node)) is not None]
    for node, made in reversed(risky):
        node.replace(made(node))
    return tree.this, bool(risky)


def _rewriting(node: Any) -> Callable[[Any], Any] | None:
    """What makes the node's safe form; None where it is safe as it is."""
    from sqlglot import exp

    if isinstance(node, exp.Cast):
        return lambda cast: exp.TryCast(this=cast.this, to=cast.args["to"], safe=True)
    if isinstance(node, exp.Anonymous):
        return _of_names().get(node.name.lower())
    return _of_forms().get(type(node))


@cache
def _of_forms() -> dict[type, Callable[[Any], Any]]:
    from sqlglot import exp

    return {
        exp.Add: lambda node: _call("try_add", node.this, node.expression),
        exp.Sub: lambda node: _call("try_subtract", node.this, node.expression),
        exp.Mul: lambda node: _call("try_multiply", node.this, node.expression),
        exp.Div: lambda node: _call("try_divide", node.this, node.expression),
        exp.ToNumber: lambda node: _call("try_to_number", node.this, node.args.get("format")),
        # sqlglot leaves the format of to_char out
        exp.ToChar: lambda node: _call("to_varchar", node.this, node.args.get("format")),
        exp.FromBase64: lambda node: _call("try_to_binary", node.this, exp.Literal.string("base64")),
        exp.SplitPart: lambda node: _with(node, "part_index", _index),
        exp.ArraySlice: lambda node: _with(_with(node, "start", _index), "end", _length),
        exp.TsOrDsAdd: lambda node: _with(node, "expression", _within(*_DAYS)),
        exp.AddMonths: lambda node: _with(node, "expression", _within(*_MONTHS)),
    }


@cache
def _of_names() -> dict[str, Callable[[Any], Any]]:
    def first_within(low: int, high: int) -> Callable[[Any], Any]:
        def made(call: Any) -> Any:
            bounded = map(_within(low, high), call.expressions[:1])
            return _call(call.name, *bounded, *call.expressions[1:])

        return made

    times = {name: first_within(*(end * per for end in _SECONDS)) for name, per in _PER_SECOND.items()}
    decoded = {"url_decode": lambda call: _call("try_url_decode", *call.expressions)}
    return times | decoded | {"make_date": first_within(*_YEARS)}


def _call(name: str, *arguments: Any) -> Any:
    from sqlglot import exp

    return exp.Anonymous(this=name, expressions=[given for given in arguments if given is not None])


def _with(node: Any, argument: str, made: Callable[[Any], Any]) -> Any:
    changed = node.copy()
    if (given := changed.args.get(argument)) is not None:
        changed.set(argument, made(given))
    return changed


def _index(index: Any) -> Any:
    """NULL where an index is 0, or where the distance from the end that it says is no integer of 32 bits."""
    if written_out(index):
        return index
    return _call("nullif", _call("nullif", _integer(index), _number(0)), _number(-(2**31)))


def _length(length: Any) -> Any:
    if written_out(length):
        return length
    return _call("nullif", _call("greatest", _integer(length), _number(-1)), _number(-1))


def _integer(number: Any) -> Any:
    from sqlglot import exp

    return exp.TryCast(this=number.copy(), to=exp.DataType.build("int"), safe=True)


def _within(low: int, high: int) -> Callable[[Any], Any]:
    """NULL where a number lies outside `[low, high]`."""

    def made(number: Any) -> Any:
        from sqlglot import exp

        if written_out(number):
            return number
        inside = exp.Between(this=number.copy(), low=_number(low), high=_number(high))
        return exp.Case(ifs=[exp.If(this=inside, true=number.copy())])

    return made


def written_out(node: Any) -> bool:
    """Whether an argument is a literal, whatever row it is asked of."""
    from sqlglot import exp

    while isinstance(node, exp.Paren | exp.Neg):
        node = node.this
    return isinstance(node, exp.Literal | exp.RawString)


def _number(value: int) -> Any:
    from sqlglot import exp

    return exp.Literal.number(value)
