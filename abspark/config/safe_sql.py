"""Expressions rewritten so that no row can make them raise."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@lru_cache(maxsize=4096)
def never_raising(expression: str) -> str:
    """The same Spark SQL expression, giving NULL where it would overflow or fail to convert.

    Sums, differences, products and casts become their `try_` forms. Spark's ANSI mode, which raises for what is left
    (a division by zero), must be off where the result is run. An expression without any of these stays as written.
    """
    from sqlglot import exp
    from sqlglot.dialects.spark import Spark

    tried: dict[type[exp.Expr], str] = {exp.Add: "try_add", exp.Sub: "try_subtract", exp.Mul: "try_multiply"}
    tree = exp.Paren(this=exp.condition(expression, dialect=Spark))
    risky = [node for node in tree.walk(bfs=True) if type(node) in tried or isinstance(node, exp.Cast)]
    if not risky:
        return expression
    for node in reversed(risky):
        if type(node) in tried:
            node.replace(exp.Anonymous(this=tried[type(node)], expressions=[node.this, node.expression]))
        else:
            node.replace(exp.TryCast(this=node.this, to=node.args["to"], safe=True))
    return str(tree.this.sql(dialect=Spark))
