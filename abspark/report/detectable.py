"""The smallest effects that rows of results would probably have shown, by the test that judges each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import numpy as np
from scipy.special import ndtri

from abspark.config import Experiment
from abspark.decided import ANYTIME
from abspark.report.data import Row
from abspark.stats.anytime import confidence_sequence, tuned_rho
from abspark.stats.power import Design, detectable_mean

POWER: Final = 0.8


def family_sizes(rows: Iterable[Row]) -> Counter[date]:
    """How many tests p is adjusted over, by day: those with a p, and with `anytime` primary metrics that await one.

    `rows` are the headlines of everyone.
    """
    return Counter(
        row["day"]
        for row in rows
        if row["p_adjusted"] is not None or (row["method"] == ANYTIME and row["role"] == "primary")
    )


def detectable(rows: Sequence[Row], experiment: Experiment, families: Counter[date]) -> list[float | None]:
    """Smallest absolute effects with a power of at least 80 % at each row's standard error and units.

    Sequential methods: (boundary + z_0.8) standard errors, the looks before left out. Fixed: both arms are given the
    standard deviation that yields the row's standard error with units split evenly, sd = SE sqrt(n) / 2, so that
    adjustment and unequal arms are in it. A primary metric is held to the strictest level that the correction may ask
    of a family of the size in `families`, which counts rows without a standard error too; `rows` are those with one.
    """
    analysis = experiment.analysis
    levels = [_level(row, families, analysis.correction) for row in rows]
    found: list[float | None] = [None] * len(rows)
    fixed: dict[tuple[float, int], list[int]] = {}
    for place, (row, level) in enumerate(zip(rows, levels, strict=True)):
        sides = analysis.sides_of(row["role"])
        if row["method"] == "fixed":
            fixed.setdefault((level, sides), []).append(place)
        elif row["boundary"] is not None:
            bound = row["boundary"] if level == row["alpha"] else _always_valid(row, level, sides, experiment)
            found[place] = float((bound + ndtri(POWER)) * row["std_error"])
    for (level, sides), places in fixed.items():
        units = np.array([rows[place]["n_control"] + rows[place]["n_treatment"] for place in places], float)
        sd = np.array([rows[place]["std_error"] for place in places]) * np.sqrt(units) / 2
        design = Design(alpha=level, sides=sides)
        sizes = detectable_mean(units, POWER, sd_control=sd, sd_treatment=sd, design=design)
        for place, size in zip(places, sizes, strict=True):
            found[place] = None if np.isnan(size) else float(size)
    return found


def _level(row: Row, families: Counter[date], correction: str) -> float:
    """The level at which p is significant whatever the other tests of its family show.

    alpha / k for a family of k; for Benjamini & Yekutieli (2001, thm 1.3) divided by 1 + 1/2 + ... + 1/k as well.
    """
    if row["p_adjusted"] is None:
        return float(row["alpha"])
    family = families[row["day"]]
    harmonic = sum(1 / k for k in range(1, family + 1)) if correction == "benjamini_yekutieli" else 1.0
    return float(row["alpha"] / (family * harmonic))


def _always_valid(row: Row, level: float, sides: int, experiment: Experiment) -> float:
    """Half-width at that level of an anytime-valid interval that is tuned at the row's alpha, in standard errors."""
    settings = experiment.analysis.anytime
    if settings.tau is None:
        units = 1 / (1 / row["n_control"] + 1 / row["n_treatment"])
        tuned_at = settings.tuned_at * experiment.evenness(row["treatment"])
        rho = float(tuned_rho(tuned_at, alpha=row["alpha"], sides=sides))
    else:
        units, rho = (row["mean_control"] / row["std_error"]) ** 2, settings.tau
    return -float(confidence_sequence(0.0, 1.0, units=units, rho=rho, alpha=level, sides=sides).low)
