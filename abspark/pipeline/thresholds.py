"""How many of a list of instants lie before an instant, for lists that differ by code, without a loop per row.

The day of the instant is known, and few of the list fall on one day: what lies on earlier days is a number looked up,
and only those of the day itself are compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from abspark.pipeline.literals import arrays_per_code
from abspark.pipeline.plans import FOREVER

Instants = Sequence[int]


def passed(
    instant: Column, day: Column, code: Column, lists: Sequence[Instants], ends: Sequence[Instants]
) -> Column:
    """The number of instants of the code's list that lie before `instant`.

    `day` is the index of the instant's day, `ends` the ends of all days for each code, the last of which is open.
    """
    tables = [_by_day(instants, bounds[:-1]) for instants, bounds in zip(lists, ends, strict=True)]
    most = max((len(day) for _, days in tables for day in days), default=0)
    total = F.get(arrays_per_code(code, [earlier for earlier, _ in tables]), day)
    for j in range(most):
        at = [[_nth(day_, j)[0] for day_ in days] for _, days in tables]
        count = [[_nth(day_, j)[1] for day_ in days] for _, days in tables]
        before = F.get(arrays_per_code(code, at), day) < instant
        total = total + F.when(before, F.get(arrays_per_code(code, count), day)).otherwise(0)
    return total.cast("int")


def _by_day(instants: Instants, bounds: Instants) -> tuple[list[int], list[list[tuple[int, int]]]]:
    """For each day how many instants lie before it, and (instant, how often) of those on it."""
    days: list[Counter[int]] = [Counter() for _ in range(len(bounds) + 1)]
    for moment in instants:
        days[bisect_right(bounds, moment)][moment] += 1
    earlier, total = [], 0
    for counted in days:
        earlier.append(total)
        total += counted.total()
    return earlier, [sorted(counted.items()) for counted in days]


def _nth(day: Sequence[tuple[int, int]], position: int) -> tuple[int, int]:
    return day[position] if position < len(day) else (FOREVER, 0)
