"""What decided a significant comparison: the day that the evidence is of, and the statistic on it.

A sequential test stays decided, wherever the effect lies later, so its side is that of neither the latest day nor
always of the first significant one: the smallest p so far may become significant later than it was reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

Row = Mapping[str, Any]
Statistics = Mapping[date, float]

ANYTIME: Final = "anytime"


class Decided(NamedTuple):
    """`statistic` has the sign of the effect; on record where the day is a recorded look."""

    day: date
    statistic: float


def statistics_on_record(looks: Sequence[Row], results: Sequence[Row]) -> dict[tuple[str, str], Statistics]:
    """Statistics of rows of the table looks of one experiment: by metric and treatment, then by day.

    Only of looks that are of the comparisons of `results`: a treatment beside another control is another one.
    """
    controls = {row["control"] for row in results}
    found: dict[tuple[str, str], dict[date, float]] = {}
    for look in looks:
        if look["statistic"] is not None and (look["control"] is None or look["control"] in controls):
            found.setdefault((look["metric"], look["treatment"]), {})[look["day"]] = look["statistic"]
    return dict(found)


def decided_by(path: Sequence[Row], on_record: Statistics) -> Decided | None:
    """What decided the comparison whose rows by day `path` are; None where it is not significant on any.

    That is the first significant day. An anytime row has the smallest p so far: the evidence is of the first day that
    has the p with which the comparison became significant. A look counts with the statistic on record.
    """
    first = next((row for row in path if row["significant"]), None)
    if first is not None and first["method"] == ANYTIME:
        first = next(row for row in path if row["p_value"] == first["p_value"])
    statistic = None if first is None else on_record.get(first["day"], first["statistic"])
    return None if first is None or statistic is None else Decided(first["day"], float(statistic))
