"""Health checks: whether the results of an experiment are to be believed.

A check never changes a number; it stands beside it, with a sentence of explanation and one of advice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from abspark.config import Experiment
from abspark.schemas import HEALTH
from abspark.stats.srm import srm

Row = Mapping[str, Any]

_DERIVED: Final = ("match", "mismatch", "not_allocated")
_SRM_ADVICE: Final = (
    "Do not read the results. Look for exposures that one variant loses: redirects, crashes, bots, "
    "late logging."
)


def health(counts: Sequence[Row], experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Health rows (all columns but run_id) of all checks.

    `counts` are assignments counted by experiment_id, variant, excluded_reason and hash_status, in column n.
    """
    rows = []
    for experiment in experiments:
        mine = [row for row in counts if row["experiment_id"] == experiment.id]
        rows += [*_srm_checks(mine, experiment), _several_variants(mine, experiment), _hash(mine, experiment)]
    return rows


def _srm_checks(counts: Sequence[Row], experiment: Experiment) -> list[dict[str, Any]]:
    """Once over all validly exposed units whose first variant is one, once over those analysed."""
    first = [row for row in counts if row["excluded_reason"] != "tied_variants"]
    analysed = [row for row in counts if row["excluded_reason"] is None]
    return [
        _srm("srm", first, experiment, "units by the variant of their first exposure"),
        _srm("srm_after_exclusions", analysed, experiment, "units that are analysed"),
    ]


def _srm(check: str, counts: Sequence[Row], experiment: Experiment, what: str) -> dict[str, Any]:
    keys = [variant.key for variant in experiment.variants]
    seen = Counter[str]()
    for row in counts:
        seen[row["variant"]] += row["n"]
    numbers = [seen[key] for key in keys]
    settings = experiment.health.srm
    if sum(numbers) == 0:
        return _row(experiment, check, "skipped", message=f"No {what}.")
    tested = srm([numbers], [[variant.weight for variant in experiment.variants]])
    p = float(tested.p_value[0])
    fired = p < settings.threshold
    verdict = "do not fit" if fired else "fit"
    return _row(
        experiment,
        check,
        settings.severity if fired else "pass",
        statistic=_finite(tested.statistic[0]),
        p_value=p,
        threshold=settings.threshold,
        observed=_shares(keys, numbers),
        expected=_shares(keys, tested.expected[0]),
        message=f"The {what} {verdict} the configured shares (p = {p:.3g}).",
        advice=_SRM_ADVICE if fired else None,
    )


def _several_variants(counts: Sequence[Row], experiment: Experiment) -> dict[str, Any]:
    several = sum(row["several"] for row in counts)
    total = sum(row["n"] for row in counts)
    if total == 0:
        return _row(experiment, "several_variants", "skipped", message="No units.")
    share, settings = several / total, experiment.health.several_variants
    status = _graded(share, settings.warn, settings.fail)
    return _row(
        experiment,
        "several_variants",
        status,
        statistic=share,
        threshold=settings.fail if status == "fail" else settings.warn,
        observed=f"{several:,} of {total:,} units ({share:.4%})",
        expected="none",
        message=f"{share:.4%} of units were seen in several variants.",
        advice=None
        if status == "pass"
        else "Find where units change variant: shared devices, changed ids or salts.",
    )


def _hash(counts: Sequence[Row], experiment: Experiment) -> dict[str, Any]:
    by_status = Counter[str]()
    for row in counts:
        by_status[row["hash_status"]] += row["n"]
    derived = sum(by_status[status] for status in _DERIVED)
    observed = ", ".join(f"{status} {n:,}" for status, n in sorted(by_status.items()))
    if derived == 0:
        return _row(
            experiment,
            "hash",
            "skipped",
            observed=observed or None,
            message="No assignment can be re-derived.",
        )
    wrong = by_status["mismatch"] + by_status["not_allocated"]
    share, settings = wrong / derived, experiment.health.hash
    status = _graded(share, settings.warn, settings.fail)
    return _row(
        experiment,
        "hash",
        status,
        statistic=share,
        threshold=settings.fail if status == "fail" else settings.warn,
        observed=observed,
        expected="every recorded variant is the one the hash gives",
        message=f"{wrong:,} of {derived:,} units ({share:.4%}) have another variant than their hash gives.",
        advice=None
        if status == "pass"
        else "Compare salt, unit id and weights with the service that assigns.",
    )


def _graded(share: float, warn: float, fail: float) -> str:
    if share > fail:
        return "fail"
    return "warn" if share > warn else "pass"


def _shares(keys: Sequence[str], numbers: Sequence[float]) -> str:
    return ", ".join(f"{key} {number:,.10g}" for key, number in zip(keys, numbers, strict=True))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _row(experiment: Experiment, check: str, status: str, **given: Any) -> dict[str, Any]:
    names = [name for name in HEALTH.names if name != "run_id"]
    return dict.fromkeys(names) | {"experiment_id": experiment.id, "check": check, "status": status} | given
