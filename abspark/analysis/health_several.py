"""Units seen in several variants: how many, and whether one variant has more of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from abspark.analysis.health_row import (
    HealthRow,
    Row,
    by_variant,
    graded,
    of_one_variant,
    percentage,
    skipped,
    tested,
    variant_keys,
)
from abspark.config import Experiment
from abspark.stats.contingency import equal_rates
from abspark.stats.reasons import NONE, SENTENCES

_ADVICE: Final = "Find where units change variant: shared devices, changed ids or salts."
_BIAS: Final = (
    "The shares are unequal and such units are excluded, so the variants lose different units "
    "and their comparison is biased; multiple_variants: first keeps them."
)


def several_variants_checks(profile: Sequence[Row], experiment: Experiment) -> list[HealthRow]:
    """The share of all units, and the rates of the variants of first exposure compared."""
    return [_share(profile, experiment), _balanced(profile, experiment)]


def _share(profile: Sequence[Row], experiment: Experiment) -> HealthRow:
    several, total = sum(row["several"] for row in profile), sum(row["n"] for row in profile)
    if total == 0:
        return skipped(experiment, "several_variants", "No units.")
    share = several / total
    return graded(
        experiment,
        "several_variants",
        experiment.health.several_variants,
        share,
        advice=_advice(experiment),
        observed=f"{several:,} of {total:,} units ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of units were seen in several variants.",
    )


def _balanced(profile: Sequence[Row], experiment: Experiment) -> HealthRow:
    check, keys = "several_variants_balanced", variant_keys(experiment)
    several, total = Counter[str](), Counter[str]()
    for row in of_one_variant(profile):
        several[row["variant"]] += row["several"]
        total[row["variant"]] += row["n"]
    found = equal_rates([several[key] for key in keys], [total[key] - several[key] for key in keys])
    if found.reason != NONE:
        return skipped(experiment, check, SENTENCES[found.reason])
    settings = experiment.health.several_variants_balanced
    verdict = "differ between" if found.p_value < settings.threshold else "are not shown to differ between"
    return tested(
        experiment,
        check,
        settings,
        found.p_value,
        advice=_advice(experiment),
        statistic=found.statistic,
        observed=by_variant(keys, (several[key] for key in keys)),
        expected=by_variant(keys, found.expected),
        message=f"The shares of units that were seen in another variant later {verdict} the variants "
        f"of first exposure (p = {found.p_value:.3g}).",
    )


def _advice(experiment: Experiment) -> str:
    weights = {variant.weight for variant in experiment.variants}
    biased = len(weights) > 1 and experiment.multiple_variants == "exclude"
    return f"{_ADVICE} {_BIAS}" if biased else _ADVICE
