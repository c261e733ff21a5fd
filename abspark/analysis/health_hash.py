"""Recorded variants against the hash: which units reached the log, and what they were given.

For each variant recorded - expected = (predicted - expected) + (recorded - predicted). The first difference is
capture: units that are missing from the log or too many in it. The second is assignment: units that were given
another variant than their hash says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from abspark.analysis.hash_diagnosis import diagnosis
from abspark.analysis.health_row import (
    HealthRow,
    Row,
    by_variant,
    finite,
    graded,
    of_one_variant,
    percentage,
    skipped,
    tested,
    units_by_period,
    variant_keys,
)
from abspark.analysis.health_srm import ALONE, fit
from abspark.config import Experiment
from abspark.stats.moments import Floats
from abspark.stats.paired import equal_margins

DERIVED: Final = ("match", "mismatch", "not_allocated")
"""Statuses of units whose recorded variant can be compared with their hash's; forced units stand apart."""
NOBODY: Final = "none"
_ADVICE: Final = "Compare salt, unit id and weights with the service that assigns."
_CAPTURE_ADVICE: Final = (
    "Units are missing from the log, or too many are in it: look for what one variant's units lose between "
    "assignment and log. What they were given is not the cause."
)
_ASSIGNMENT_ADVICE: Final = (
    "Units were given other variants than their hash says, and not evenly: correct the assignment, or "
    "analyse only the units that match."
)


def hash_checks(profile: Sequence[Row], segments: Sequence[Row], experiment: Experiment) -> list[HealthRow]:
    """The mismatch rate with its diagnosis, then the test of either difference.

    Tied units are left out, as they have no recorded variant.
    """
    recorded = of_one_variant(profile)
    derived = [row for row in recorded if row["hash_status"] in DERIVED]
    if not derived:
        why = "No assignment can be re-derived."
        rest = [skipped(experiment, check, why) for check in ("hash_capture", "hash_assignment")]
        return [skipped(experiment, "hash", why, observed=_statuses(recorded) or None), *rest]
    return [
        _mismatches(recorded, derived, segments, experiment),
        _capture(derived, experiment),
        _assignment(derived, experiment),
    ]


def _statuses(profile: Iterable[Row]) -> str:
    by_status = Counter[str]()
    for row in profile:
        by_status[row["hash_status"]] += row["n"]
    return ", ".join(f"{status} {n:,}" for status, n in sorted(by_status.items()))


def _mismatches(
    profile: Sequence[Row], derived: Sequence[Row], segments: Sequence[Row], experiment: Experiment
) -> HealthRow:
    total = sum(row["n"] for row in derived)
    wrong = sum(row["n"] for row in derived if row["hash_status"] != "match")
    found = " ".join(diagnosis(derived, segments))
    return graded(
        experiment,
        "hash",
        experiment.health.hash,
        wrong / total,
        advice=f"{found} {_ADVICE}" if found else _ADVICE,
        observed=_statuses(profile),
        expected="every recorded variant is the one the hash gives",
        message=f"{wrong:,} of {total:,} units ({percentage(wrong / total)}) have another variant than "
        "their hash gives.",
    )


def _capture(derived: Sequence[Row], experiment: Experiment) -> HealthRow:
    """Predicted counts against the shares; units that the hash gives no variant are not expected anywhere."""
    check, settings, keys = "hash_capture", experiment.health.hash_capture, variant_keys(experiment)
    predicted = units_by_period(derived, experiment, "expected_variant")
    if predicted.sum() == 0:
        return skipped(experiment, check, "The hash gives no unit a variant.")
    found = fit(predicted, experiment)
    p, counts = float(found.p_value[0]), predicted.sum(axis=0)
    if np.isnan(p):
        return skipped(experiment, check, ALONE)
    recorded = units_by_period(derived, experiment).sum(axis=0)
    verdict = "do not fit" if p < settings.threshold else "do not contradict"
    return tested(
        experiment,
        check,
        settings,
        p,
        advice=_CAPTURE_ADVICE,
        statistic=finite(found.statistic[0]),
        observed=_identity(keys, recorded, counts, found.expected[0]),
        expected=by_variant(keys, found.expected[0]),
        message=f"The variants that the hash gives the logged units {verdict} the configured shares (p = {p:.3g}).",
    )


def _identity(keys: Sequence[str], recorded: Floats, predicted: Floats, expected: Floats) -> str:
    return "; ".join(
        f"{key}: recorded {r:,.10g} - expected {e:,.10g} = captured {p - e:+,.10g}, assigned {r - p:+,.10g}"
        for key, r, p, e in zip(keys, recorded, predicted, expected, strict=True)
    )


def _assignment(derived: Sequence[Row], experiment: Experiment) -> HealthRow:
    """Whether the mismatches shift the counts; whether there are any is for the mismatch rate to say."""
    settings, labels = experiment.health.hash_assignment, [*variant_keys(experiment), NOBODY]
    table = np.zeros((len(labels), len(labels)))
    for row in derived:
        table[labels.index(row["variant"]), labels.index(row["expected_variant"] or NOBODY)] += row["n"]
    found = equal_margins(table)
    one, shown = found.discordant == 1, found.p_value < settings.threshold
    verdict = ("shifts" if one else "shift") if shown else f"{'is' if one else 'are'} not shown to shift"
    return tested(
        experiment,
        "hash_assignment",
        settings,
        found.p_value,
        advice=_ASSIGNMENT_ADVICE,
        statistic=found.statistic,
        observed=by_variant(labels, table.sum(axis=1)),
        expected=by_variant(labels, table.sum(axis=0)),
        message=f"{found.discordant:,.10g} mismatch{'' if one else 'es'} {verdict} the variants' counts "
        f"(p = {found.p_value:.3g}).",
    )
