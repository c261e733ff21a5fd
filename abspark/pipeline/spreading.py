"""Units with so many events that the task which had them all would hold up the run: their events are spread.

Such a unit is found in the ledger's read, by a sample of the log's rows. In place of its key its events get one of a
few keys each, its assignments all of them; what comes of each key is brought together as soon as it is small, which
takes a shuffle that runs without such units do without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

SAMPLED_ROWS: Final = 1 << 12
"""One row of so many is sampled."""
MANY: Final = 1 << 20
"""Events from which on those of a unit are spread: some seconds of one task."""
_PIECE: Final = 1 << 14
"""Events of one key: few, so that tasks get about as many keys each, however many tasks there are."""
_MOST_PIECES: Final = 1 << 10
_MOST_KEYS: Final = 1 << 18
"""Of the heaviest units; where there are more, they share the work between them."""
HOME: Final = "home"
"""Column of events that holds their unit's own key, where those of some units are spread."""


@dataclass(frozen=True)
class Spread:
    """Keys (hi) of the units whose events are spread, and over how many keys each.

    Another unit whose key has the same first half is spread as well, which does no harm.
    """

    units: tuple[int, ...]
    pieces: int


def spread_over(sampled: Sequence[Mapping[int, int]]) -> Spread | None:
    """What to spread, from the sampled rows of units by key, for each log; None where there is no need."""
    rows: dict[int, int] = {}
    for counts in sampled:
        for unit, count in counts.items():
            rows[unit] = rows.get(unit, 0) + count * SAMPLED_ROWS
    heavy = sorted((unit for unit in rows if rows[unit] >= MANY), key=lambda unit: (-rows[unit], unit))
    if not heavy:
        return None
    pieces = min(-(-rows[heavy[0]] // _PIECE), _MOST_PIECES)
    return Spread(tuple(sorted(heavy[: _MOST_KEYS // pieces])), pieces)


def sampled_unit(columns: Sequence[str]) -> Column:
    """The key of a coded event's unit where the row is in the sample, by a hash of its time and other `columns`.

    Columns that are read anyway: ids would cost more to read than all else. Of events that share all of these, either
    all are drawn or none.
    """
    drawn = F.pmod(F.xxhash64("t", *columns), F.lit(SAMPLED_ROWS)) == 0
    return F.when(drawn, F.col("hi"))


def spread_events(events: DataFrame, spread: Spread | None) -> DataFrame:
    """Live events, `hi` of those that are spread replaced, with HOME; copies of one event stay together."""
    if spread is None:
        return events
    content = [name for name in events.columns if name not in ("hi", "lo", "e")]
    place = F.xxhash64(*content)
    if "e" in events.columns:
        place = F.coalesce("e", place)
    key = _key(spread, F.pmod(place, F.lit(spread.pieces)).cast("int"))
    rest = [name for name in events.columns if name != "hi"]
    return events.select(key.alias("hi"), *rest, F.col("hi").alias(HOME))


def spread_units(units: DataFrame, spread: Spread | None) -> DataFrame:
    """Coded units, those whose events are spread once for each of the keys."""
    if spread is None:
        return units
    pieces = F.when(_is_spread(spread), F.sequence(F.lit(0), F.lit(spread.pieces - 1))).otherwise(
        F.array(F.lit(0))
    )
    each = units.select("*", F.explode(pieces).alias("piece"))
    rest = [name for name in units.columns if name != "hi"]
    return each.select(_key(spread, F.col("piece")).alias("hi"), *rest)


def gathered(signatures: DataFrame) -> DataFrame:
    """Signatures under their unit's own key."""
    if HOME not in signatures.columns:
        return signatures
    rest = [name for name in signatures.columns if name not in ("hi", HOME)]
    return signatures.select(F.col(HOME).alias("hi"), *rest)


def _is_spread(spread: Spread) -> Column:
    return F.col("hi").isin(*spread.units)


def _key(spread: Spread, piece: Column) -> Column:
    return F.when(_is_spread(spread), F.xxhash64("hi", piece)).otherwise(F.col("hi"))
