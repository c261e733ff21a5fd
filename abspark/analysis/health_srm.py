"""Sample ratio checks: do the variants get the shares of units that they were configured to get?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from abspark.analysis.health_row import (
    HealthRow,
    Row,
    by_variant,
    finite,
    health_row,
    of_one_variant,
    period_shares,
    skipped,
    tested,
    units_by_period,
    variant_keys,
)
from abspark.config import Experiment
from abspark.naming import plural
from abspark.stats.eprocess import sample_ratio_process
from abspark.stats.moments import Floats
from abspark.stats.multiplicity import holm
from abspark.stats.srm import SrmResult, srm

_ADVICE: Final = (
    "Do not read the results. Look for exposures that one variant loses: redirects, crashes, bots, "
    "late logging."
)
_SEGMENT_ADVICE: Final = (
    "Do not read the results of this segment; look for what loses or moves its units there."
)
_CONTRADICTED: Final = "The configuration contradicts itself: {}. Correct the one or the other first."
ALONE: Final = "One variant alone has a share, so there is no ratio to test."


def srm_checks(profile: Sequence[Row], experiment: Experiment) -> list[HealthRow]:
    """Once over all validly exposed units whose first variant is one, once over those analysed, once by days."""
    first = of_one_variant(profile)
    analysed = [row for row in profile if row["excluded_reason"] is None]
    return [
        _whole("srm", first, experiment, "units by the variant of their first exposure"),
        _whole("srm_after_exclusions", analysed, experiment, "units that are analysed"),
        _sequential(first, experiment),
        _weights_changed(first, experiment),
    ]


def ratio_check(profile: Sequence[Row], experiment: Experiment, *, what: str, advice: str) -> HealthRow:
    """The sample ratio of units, said to be `what`."""
    return _whole("srm", profile, experiment, what, advice)


def fit(units: Floats, experiment: Experiment) -> SrmResult:
    """The sample ratio test of units (periods, v) against the shares of each period."""
    return srm([units], [period_shares(experiment)])


def _advice(experiment: Experiment) -> str:
    if experiment.doubts_of_assignment:
        return _CONTRADICTED.format("; ".join(experiment.doubts_of_assignment))
    return _ADVICE


def _whole(
    check: str, rows: Iterable[Row], experiment: Experiment, what: str, advice: str | None = None
) -> HealthRow:
    units = units_by_period(rows, experiment)
    if units.sum() == 0:
        return skipped(experiment, check, f"No {what}.")
    found, settings, keys = fit(units, experiment), experiment.health.srm, variant_keys(experiment)
    p = float(found.p_value[0])
    if np.isnan(p):
        return skipped(experiment, check, ALONE)
    verdict = "do not fit" if p < settings.threshold else "do not contradict"
    return tested(
        experiment,
        check,
        settings,
        p,
        advice=advice or _advice(experiment),
        statistic=finite(found.statistic[0]),
        observed=by_variant(keys, units.sum(axis=0)),
        expected=by_variant(keys, found.expected[0]),
        message=f"The {what} {verdict} the configured shares (p = {p:.3g}).",
    )


def segment_checks(segments: Sequence[Row], experiment: Experiment) -> list[HealthRow]:
    """A sample ratio check per segment value, adjusted by Holm over all values of all segments."""
    slices: dict[tuple[str, str], list[Row]] = {}
    for row in segments:
        slices.setdefault((row["segment_name"], row["segment_value"]), []).append(row)
    units = [units_by_period(rows, experiment) for _, rows in sorted(slices.items())]
    found = [fit(each, experiment) for each in units]
    adjusted = holm([float(each.p_value[0]) for each in found], np.zeros(len(found), dtype=np.int64))
    settings, keys = experiment.health.srm, variant_keys(experiment)
    rows = []
    for (name, value), seen, one, p in zip(sorted(slices), units, found, adjusted, strict=True):
        if np.isnan(p):
            rows.append(skipped(experiment, "srm", ALONE, slice_name=name, slice_value=value))
            continue
        verdict = "do not fit" if p < settings.threshold else "do not contradict"
        row = tested(
            experiment,
            "srm",
            settings,
            p,
            advice=_SEGMENT_ADVICE,
            slice_name=name,
            slice_value=value,
            statistic=finite(one.statistic[0]),
            observed=by_variant(keys, seen.sum(axis=0)),
            expected=by_variant(keys, one.expected[0]),
            message=f"The units with {name} = {value} {verdict} the configured shares "
            f"(p = {p:.3g} after Holm over {len(found)} segment values).",
        )
        rows.append(row)
    return rows


def _sequential(profile: Sequence[Row], experiment: Experiment) -> HealthRow:
    """Evidence over days of first exposure, split where the shares change within a day."""
    check, settings, keys = "srm_sequential", experiment.health.srm_sequential, variant_keys(experiment)
    steps = sorted({(row["day"], row["period"]) for row in profile})
    if not steps:
        return skipped(experiment, check, "No units by the variant of their first exposure.")
    place = {step: index for index, step in enumerate(steps)}
    new = np.zeros((1, len(steps), len(keys)))
    for row in profile:
        new[0, place[row["day"], row["period"]], keys.index(row["variant"])] += row["n"]
    shares = period_shares(experiment)[[period for _, period in steps]]
    found = sample_ratio_process(new, shares[None])
    below = np.flatnonzero(found.p_value[0] < settings.threshold)
    since = f", first on {steps[below[0]][0]}" if len(below) else ""
    p = float(found.p_value[0, -1])
    verdict = "contradict" if len(below) else "do not contradict"
    days = plural(len({day for day, _ in steps}), "day")
    return tested(
        experiment,
        check,
        settings,
        p,
        advice=_advice(experiment),
        statistic=finite(found.log_e_value[0, -1]),
        observed=by_variant(keys, new[0].sum(axis=0)),
        message=f"Over {days} the units {verdict} the configured shares{since} "
        f"(p = {p:.3g}, valid however often it is looked at).",
    )


def _weights_changed(profile: Sequence[Row], experiment: Experiment) -> HealthRow:
    """Effects are not stratified by period, so units of several splits must not be pooled."""
    check, units, keys = "weights_changed", units_by_period(profile, experiment), variant_keys(experiment)
    shares = period_shares(experiment)[units.sum(axis=1) > 0]
    if not len(shares):
        return skipped(experiment, check, "No units by the variant of their first exposure.")
    if np.allclose(shares, shares[0], rtol=0, atol=1e-9):
        return health_row(experiment, check, "pass", message="All units were split by the same weights.")
    return health_row(
        experiment,
        check,
        experiment.health.weights_changed.severity,
        observed="; ".join(by_variant(keys, row) for row in shares),
        expected="the same weights for all units",
        message="The weights changed while units were exposed, so the variants mix different times differently.",
        advice="Do not read the pooled results: analyse the time since the last change as its own experiment.",
    )
