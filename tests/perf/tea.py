"""The same comparisons by tea-tasting, one at a time, from the same moments."""

from __future__ import annotations

from typing import Any, Final

import tea_tasting
from tea_tasting.aggr import Aggregates

from abspark.stats.moments import Moments

VARIABLES: Final = ("num", "den", "pre_num", "pre_den")
Pair = tuple[Aggregates, Aggregates]


def metric(kind: str, *, adjusted: bool, **options: Any) -> tea_tasting.RatioOfMeans:
    """Its name for a `mean` or a `ratio`, adjusted by the covariate or not."""
    if kind == "mean":
        return tea_tasting.Mean("num", "pre_num" if adjusted else None, **options)
    return tea_tasting.RatioOfMeans(*VARIABLES[: 4 if adjusted else 2], **options)


def aggregates(moments: Moments, row: int) -> Aggregates:
    """Moments of one arm in its terms."""
    mean, cov = moments.mean[row].tolist(), moments.cov[row].tolist()
    return Aggregates(
        int(moments.n[row]),
        dict(zip(VARIABLES, mean, strict=True)),
        {name: cov[i][i] for i, name in enumerate(VARIABLES)},
        {(a, b): cov[i][j] for i, a in enumerate(VARIABLES) for j, b in enumerate(VARIABLES[:i])},
    )


def pairs(control: Moments, treatment: Moments, rows: range) -> list[Pair]:
    """Both arms of some comparisons."""
    return [(aggregates(control, row), aggregates(treatment, row)) for row in rows]


def loop(means: list[Pair], ratios: list[Pair]) -> None:
    """Effect, relative effect, intervals and p of each, adjusted by its covariate."""
    for kind, given in (("mean", means), ("ratio", ratios)):
        asked = metric(kind, adjusted=True)
        for control, treatment in given:
            asked.analyze_aggregates(control, treatment)
