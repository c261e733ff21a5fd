"""Kernel over a seeded shuffle: PlanOut's Sample (source read: planout/ops/random.py).

Fisher-Yates from the last place to the second: the choice at place i changes with the one at the place that SHA-1 of
`text.i` gives modulo i + 1. In Spark a fold over the places, one digest each: for short lists of choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.assignment.digests import DIGESTS
from abspark.assignment.kernel import Kernel

_DIGITS: Final = DIGESTS["sha1_15"]


def shuffled(text: str, choices: Sequence[int]) -> list[int]:
    """The choices in the order in which Sample draws them for a unit."""
    order = list(choices)
    for i in range(len(order) - 1, 0, -1):
        j = _DIGITS.python(f"{text}.{i}", 0, i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def _first_drawn() -> Kernel:
    """Which of `modulus` choices is drawn first."""

    def python(text: str, seed: int, modulus: int) -> int:  # noqa: ARG001 - digests have no seed
        return shuffled(text, range(modulus))[0]

    def spark(text: Column, seed: Column, modulus: Column) -> Column:
        """Undoes the changes, the last one first, to find where the choice at the first place was."""

        def undone(place: Column, i: Column) -> Column:
            other = _DIGITS.spark(F.concat(text, F.lit("."), i.cast("string")), seed, i + F.lit(1))
            return F.when(place == i, other).when(place == other, i).otherwise(place)

        places = F.sequence(F.lit(1).cast("bigint"), modulus - F.lit(1))
        found = F.aggregate(places, F.lit(0).cast("bigint"), undone)
        return F.when(text.isNull(), None).when(modulus == F.lit(1), F.lit(0).cast("bigint")).otherwise(found)

    return Kernel(python, spark)


SHUFFLES: Final = {"sha1_15_shuffle": _first_drawn()}
