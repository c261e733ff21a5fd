"""Whether copies of an event are as near as their source says: looked for in the ledger's read, in all of the log.

What a run leaves out because it is too early to be a copy, it does not compare with what it keeps. So the statement is
tested on the events of some units, of all units where the log is short.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F

_DRAWN: Final = 1 << 8
"""Of a long log the events of one unit in so many are compared."""


class Copies(NamedTuple):
    """Events compared, each with all its rows, and those of them with rows further apart than their source says."""

    compared: int
    distant: int


def event_key(*, sampled: bool) -> Column:
    """A hash of a coded event's unit and id, NULL where it is not compared: without id or time, or not in the sample.

    Of n events that are compared any two share it with probability n**2 / 2**65: 1e-8 for a million.
    """
    valid = F.col("reason").isNull() | (F.col("reason") == "outside_windows")
    drawn = F.col("lo").bitwiseAND(F.lit(_DRAWN - 1).cast("bigint")) == 0
    compared = valid & F.col("e").isNotNull()
    return F.when(compared & drawn if sampled else compared, F.xxhash64("hi", "lo", "e"))


def is_distant(within: int) -> Column:
    """Whether the rows of one event, of which `newest` and `oldest` are known, are further apart than `within`."""
    return F.col("event_key").isNotNull() & (F.col("newest") - F.col("oldest") > F.lit(within))
