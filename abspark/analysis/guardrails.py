"""Guardrails of comparisons: is the tolerated worsening ruled out, or exceeded?

They are tested at the fixed horizon whatever the experiment's method is, each at its experiment's alpha / 2,
one-sided and unadjusted: shipping asks for all of them, which keeps the error without adjustment (Berger
1982, intersection-union tests).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch, Row, compared, effects_by_kind
from abspark.config import Experiment, Metric
from abspark.stats.effects import Effect
from abspark.stats.fixed import proportion_z, welch
from abspark.stats.guardrails import guardrail
from abspark.stats.moments import Bools, Floats

Harm = tuple[str, str, str]
"""Experiment id, metric and treatment of a guardrail that is harmed."""


def non_inferiority(batch: Batch) -> tuple[Floats, NDArray[np.object_]]:
    """Margins as configured (NaN: none), and whether worsening by them is ruled out (None: undefined)."""
    margins = batch.each(lambda pair: np.nan if pair.margin[0] is None else pair.margin[0])
    verdict = np.full(len(batch), None, dtype=object)
    chosen = ~np.isnan(margins)
    if chosen.any():
        held, _, undefined = _margin_tests(batch.take(chosen))
        answers = held.astype(object)
        answers[undefined] = None
        verdict[chosen] = answers
    return margins, verdict


def harms(
    moments: Sequence[Row], experiments: Sequence[Experiment], metrics: Mapping[str, Metric]
) -> frozenset[Harm]:
    """Guardrails that are worse, by more than their margin if they have one, over everyone's moments on the latest day.

    A fixed-horizon test like any other: it may be read only once the experiment is over.
    """
    everyone = [row for row in moments if row["segment_name"] is None]
    latest: dict[str, date] = {}
    for row in everyone:
        latest[row["experiment_id"]] = max(row["day"], latest.get(row["experiment_id"], row["day"]))
    newest = [row for row in everyone if row["day"] == latest[row["experiment_id"]]]
    batch = compared(newest, experiments, metrics)
    if batch is None:
        return frozenset()
    guarded = batch.each(lambda pair: pair.role == "guardrail")
    with_margin = batch.each(lambda pair: pair.margin[0] is not None)
    found: list[Harm] = []
    for mask, harmed in ((guarded & with_margin, _beyond_margin), (guarded & ~with_margin, _worse)):
        if mask.any():
            part = batch.take(mask)
            found += [
                (pair.experiment.id, pair.metric.name, pair.treatment)
                for pair, fell in zip(part.pairs, harmed(part), strict=True)
                if fell
            ]
    return frozenset(found)


def _beyond_margin(batch: Batch) -> Bools:
    return _margin_tests(batch)[1]


def _worse(batch: Batch) -> Bools:
    """Worse at all: the one-sided test against the metric's direction at alpha / 2."""
    worse = np.zeros(len(batch), dtype=np.bool_)
    for mask, part, effect in effects_by_kind(batch):
        test = proportion_z if part.binary.all() else welch
        worse[mask] = test(effect, sides=1, direction=-part.direction).p_value < part.alpha / 2
    return worse


def _margin_tests(batch: Batch) -> tuple[Bools, Bools, Bools]:
    """Non-inferior, harmed and undefined; all comparisons have a margin."""
    held, harmed, undefined = (np.zeros(len(batch), dtype=np.bool_) for _ in range(3))
    for mask, part, effect in effects_by_kind(batch):
        answers = [np.zeros(len(part), dtype=np.bool_) for _ in range(3)]
        kinds = part.each(lambda pair: pair.margin[1])
        for kind in ("relative", "absolute"):
            of_kind = kinds == kind
            if of_kind.any():
                for target, values in zip(answers, _tested(effect, part, of_kind, kind), strict=True):
                    target[of_kind] = values
        for whole, values in zip((held, harmed, undefined), answers, strict=True):
            whole[mask] = values
    return held, harmed, undefined


def _tested(effect: Effect, batch: Batch, chosen: Bools, kind: str) -> tuple[Bools, Bools, Bools]:
    tested = guardrail(
        effect.take(chosen),
        margin=batch.each(lambda pair: pair.margin[0])[chosen],
        direction=batch.direction[chosen],
        kind="relative" if kind == "relative" else "absolute",
        alpha=batch.alpha[chosen],
    )
    return tested.non_inferior, tested.harmed, np.isnan(tested.p_non_inferior)
