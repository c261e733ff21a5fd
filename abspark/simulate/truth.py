"""What is true of a simulation: effects, how far the past foretells the future, how many faults it has."""

from __future__ import annotations

import math
from typing import Any, Final

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from abspark.simulate import faults, population
from abspark.simulate.event_log import BROWSING, CLICKS_BEFORE_EXPOSURE, daily_browsing, event_rows
from abspark.simulate.exposure_log import exposure_rows
from abspark.simulate.parameters import (
    BUCKETS,
    EVENT_FAULTS,
    EXPOSURE_FAULTS,
    LOOKBACK_DAYS,
    SALT,
    SCHEME,
    WINDOW_DAYS,
    Simulation,
)

METRICS: Final = {"conversion": True, "purchases": True, "revenue_per_unit": True, "page_views": False}
"""The metrics of the project, and whether treatments change them."""

_QUADRATURE_POINTS: Final = 20_000


def stated(sim: Simulation) -> dict[str, Any]:
    """All that follows from the parameters alone."""
    return {
        "parameters": sim.parameters(),
        "starts_at": sim.starts_at.isoformat(),
        "ends_at": sim.ends_at.isoformat(),
        "horizon": sim.horizon.isoformat(),
        "assignment": {
            "scheme": SCHEME,
            "salt": SALT,
            "buckets": BUCKETS,
            "variants": list(sim.variant_names),
        },
        "relative_effects": {f"exp_{number}": _effects(sim, number) for number in range(sim.experiments)},
        "covariate": {
            "metric": "page_views",
            "lookback_days": LOOKBACK_DAYS,
            "window_days": WINDOW_DAYS,
            "rho": covariate_correlation(sim),
        },
    }


def _effects(sim: Simulation, number: int) -> dict[str, dict[str, float]]:
    """Relative effect by metric and treatment: exact in expectation, whatever else a unit is in."""
    effects = dict(zip(sim.variant_names, sim.effects, strict=True))
    has_effect = number % 2 == 1
    return {
        metric: {name: effects[name] if has_effect and changes else 0.0 for name in sim.variant_names[1:]}
        for metric, changes in METRICS.items()
    }


def covariate_correlation(sim: Simulation) -> float:
    """Correlation over units between page views in the 14 days before and the 7 days from first exposure.

    Given a unit's daily rate x (exponential), a day has floor(x + u) events, variance s = {x}(1 - {x}), of
    which a share q are page views, at uniform times. The exposure divides its day (and the far ends of both
    windows divide theirs) at a uniform fraction g, with E[g (1 - g)] = 1/6.
    """
    page_views = dict(BROWSING)["page_view"] / 100
    rate = daily_browsing(sim)
    if rate == 0:
        return 0.0
    spread = _rounding_variance(rate)
    day_variance = page_views**2 * spread + page_views * (1 - page_views) * rate
    day_mean = page_views * rate
    between_units = (page_views * rate) ** 2

    def variance(days: int) -> float:
        return days**2 * between_units + (days - 1 / 3) * day_variance + day_mean / 3

    shared_day = (day_variance - day_mean) / 6
    covariance = LOOKBACK_DAYS * WINDOW_DAYS * between_units + shared_day
    return covariance / math.sqrt(variance(LOOKBACK_DAYS) * variance(WINDOW_DAYS))


def _rounding_variance(rate: float) -> float:
    """E[{x}(1 - {x})] for exponential x of mean `rate`, by the midpoint rule over its quantiles."""
    total = 0.0
    for index in range(_QUADRATURE_POINTS):
        fraction = math.modf(-rate * math.log1p(-(index + 0.5) / _QUADRATURE_POINTS))[0]
        total += fraction * (1 - fraction)
    return total / _QUADRATURE_POINTS


def injected(spark: SparkSession, sim: Simulation) -> dict[str, dict[str, int]]:
    """Exact numbers, counted from the rows before they are put into words.

    `exposures` and `events` count log rows: `rows` all of them, `bots` those of bots, the rest by fault; of a
    row and its duplicate, one is the fault. `units` counts units within experiments, bots included.
    """
    second = F.col("second") & (F.col("fault") == faults.TRUE_ROW)
    exposures = exposure_rows(spark, sim).agg(
        F.count("*").alias("rows"),
        *_by_fault(EXPOSURE_FAULTS),
        _count(F.col("bot"), "bots"),
        _count(second, "two_variants"),
    )
    clicks = (F.col("branch") == CLICKS_BEFORE_EXPOSURE) & (F.col("fault") == faults.TRUE_ROW)
    events = event_rows(spark, sim).agg(
        F.count("*").alias("rows"),
        *_by_fault(EVENT_FAULTS),
        _count(clicks, "before_exposure"),
    )
    unit, number, variant = F.col("unit"), F.col("experiment"), F.col("variant")
    units = population.members(spark, sim).agg(
        F.count("*").alias("exposed"),
        _count(population.is_wrong(sim, unit, number), "wrong_variant"),
        _count(population.is_lost(sim, unit, number, variant), "lost_treatment_rows"),
    )
    frames = {"exposures": exposures, "events": events, "units": units}
    return {name: frame.collect()[0].asDict() for name, frame in frames.items()}


def _count(condition: Column, name: str) -> Column:
    return F.count_if(condition).alias(name)


def _by_fault(names: tuple[str, ...]) -> list[Column]:
    return [_count(F.col("fault") == faults.MARKS[name], name) for name in names]
