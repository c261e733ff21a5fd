"""Guardrails of comparisons: is the tolerated worsening ruled out, or exceeded?

Each is tested one-sided at its experiment's alpha / 2, unadjusted: shipping asks for all of them, which keeps the
error without adjustment (Berger 1982, intersection-union tests). How far beyond the margin is enough goes by method:

* fixed, bayesian: the fixed-horizon test, once the experiment is over. Before that harm alone is watched for, by an
  anytime-valid bound tuned at `WATCH_TUNED_AT` units, so that it may be looked at whenever a run is made.
* group_sequential: the boundary of the look, which is that of a repeated interval at alpha; a day without a look has
  the answer of the look before.
* anytime: the configured anytime-valid bound.

Harm without a margin is being worse at all, with a bound of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.clock import Clock
from abspark.analysis.comparisons import Batch, Comparison
from abspark.analysis.look_levels import anytime_scale, look_information
from abspark.analysis.look_series import key_of, statistics
from abspark.stats.anytime import confidence_sequence, tuned_rho
from abspark.stats.fixed import proportion_z, welch
from abspark.stats.guardrails import MarginKind, guardrail
from abspark.stats.moments import Bools, Floats

Harm = tuple[str, str, str]
"""Experiment id, metric and treatment of a guardrail that is harmed."""

WATCH_TUNED_AT: Final = 10_000
"""Units of both arms at which the watch for harm in methods with one look is narrowest."""


class GuardrailTests(NamedTuple):
    """By comparison: margin as configured (NaN: none), whether worsening by it is ruled out, and whether it is harmed.

    None: undefined. Harm is that of any look so far, and of methods with one look that of the last day.
    """

    margin: Floats
    non_inferior: NDArray[np.object_]
    harmed: NDArray[np.object_]


class _Distance(NamedTuple):
    """How far a guardrail is on the good side of its margin (of no effect, without one), in standard errors."""

    statistic: Floats
    p_non_inferior: Floats
    p_harm: Floats


def guardrail_tests(batch: Batch, boundary: Floats, now: Clock) -> GuardrailTests:
    """The tests of all comparisons; `boundary` are those of group sequential looks.

    Only guardrails can be harmed, and only where both arms have `min_sample_size` units.
    """
    margin = batch.each(lambda pair: np.nan if pair.margin[0] is None else pair.margin[0])
    non_inferior = np.full(len(batch), None, dtype=object)
    harmed = np.full(len(batch), None, dtype=object)
    guarded = batch.each(lambda pair: pair.role == "guardrail")
    if guarded.any():
        part = batch.take(guarded)
        held, fell, undefined = _judged(part, boundary[guarded], now)
        answers = held.astype(object)
        answers[undefined | np.isnan(margin[guarded])] = None
        harms = fell.astype(object)
        harms[undefined | part.too_small] = None
        non_inferior[guarded], harmed[guarded] = _carried(part, answers), _so_far(part, harms)
    return GuardrailTests(margin, non_inferior, harmed)


def harmed_guardrails(batch: Batch, tests: GuardrailTests) -> frozenset[Harm]:
    """Guardrails harmed by their headline for everyone."""
    return frozenset(
        (pair.experiment.id, pair.metric.name, pair.treatment)
        for pair, fell in zip(batch.pairs, tests.harmed, strict=True)
        if fell and pair.headline and pair.everyone
    )


def _carried(batch: Batch, answers: NDArray[np.object_]) -> NDArray[np.object_]:
    """On a day without a group sequential look, the answer of the last look: repeated intervals hold together."""
    last: dict[tuple[object, ...], object] = {}
    for index in sorted(range(len(batch)), key=lambda i: batch.pairs[i].day):
        pair = batch.pairs[index]
        if pair.experiment.analysis.method == "group_sequential":
            if answers[index] is None:
                answers[index] = last.get(_series(pair))
            last[_series(pair)] = answers[index]
    return answers


def _so_far(batch: Batch, harms: NDArray[np.object_]) -> NDArray[np.object_]:
    """Harm at any look so far, as what a look has decided stays decided; a method with one look has it on the last day.

    A day without a look has the answer of the looks before.
    """
    last_day: dict[str, date] = {}
    for pair in batch.pairs:
        last_day[pair.experiment.id] = max(pair.day, last_day.get(pair.experiment.id, pair.day))
    before: dict[tuple[object, ...], object] = {}
    for index in sorted(range(len(batch)), key=lambda i: batch.pairs[i].day):
        pair = batch.pairs[index]
        if pair.experiment.analysis.sequential:
            known = before.get(_series(pair))
            if known or harms[index] is None:
                harms[index] = known
            before[_series(pair)] = harms[index]
        elif pair.day < last_day[pair.experiment.id]:
            harms[index] = None
    return harms


def _series(pair: Comparison) -> tuple[object, ...]:
    return pair.experiment.id, key_of(pair), pair.estimator, pair.segment


def _judged(batch: Batch, boundary: Floats, now: Clock) -> tuple[Bools, Bools, Bools]:
    """Non-inferior, harmed, undefined, by the method of each comparison."""
    distance, tail = _distance(batch), batch.alpha / 2
    looked = batch.each(lambda pair: pair.experiment.analysis.method == "group_sequential")
    anytime = batch.each(lambda pair: pair.experiment.analysis.method == "anytime")
    watched = batch.each(
        lambda pair: not pair.experiment.analysis.sequential and not now.over(pair.experiment)
    )
    good, bad = _always_valid(batch, distance.statistic)
    p_non_inferior = np.where(anytime, good, distance.p_non_inferior)
    p_harm = np.where(anytime | watched, bad, distance.p_harm)
    held = np.where(looked, distance.statistic >= boundary, p_non_inferior < tail)
    fell = np.where(looked, distance.statistic <= -boundary, p_harm < tail)
    return held, fell, np.isnan(distance.statistic) | (looked & ~np.isfinite(boundary))


def _always_valid(batch: Batch, statistic: Floats) -> tuple[Floats, Floats]:
    """Anytime-valid p of each side: of being at the margin or worse, and of being at it or better."""
    information, rho = look_information(batch), batch.each(_rho)
    sides = [
        confidence_sequence(
            sign * statistic, np.ones(len(batch)), units=information, rho=rho, alpha=batch.alpha / 2, sides=1
        ).p_value
        for sign in (1, -1)
    ]
    return sides[0], sides[1]


def _rho(pair: Comparison) -> float:
    settings = pair.experiment.analysis
    if settings.method == "anytime":
        return anytime_scale(pair)
    tuned_at = WATCH_TUNED_AT * pair.experiment.evenness(pair.treatment)
    return float(tuned_rho(tuned_at, alpha=settings.alpha / 2, sides=1))


def _distance(batch: Batch) -> _Distance:
    """By the configured margins, and without one from no effect."""
    columns = [np.full(len(batch), np.nan) for _ in _Distance._fields]
    kinds = batch.each(lambda pair: "none" if pair.margin[0] is None else pair.margin[1])
    for kind, test in _TESTS.items():
        mask: Bools = kinds == kind
        if mask.any():
            for column, values in zip(columns, test(batch.take(mask)), strict=True):
                column[mask] = values
    return _Distance(*columns)


def _by_margin(batch: Batch, kind: MarginKind) -> _Distance:
    tested = guardrail(
        batch.effect,
        margin=batch.each(lambda pair: pair.margin[0]),
        direction=batch.direction,
        kind=kind,
        alpha=batch.alpha,
    )
    return _Distance(tested.statistic, tested.p_non_inferior, tested.p_harm)


def _from_zero(batch: Batch) -> _Distance:
    """Without a margin nothing is ruled out; harm is being worse at all."""
    p_harm = np.full(len(batch), np.nan)
    for mask, test in ((batch.binary, proportion_z), (~batch.binary, welch)):
        if mask.any():
            part = batch.take(mask)
            p_harm[mask] = test(part.effect, sides=1, direction=-part.direction).p_value
    return _Distance(batch.direction * statistics(batch), np.full(len(batch), np.nan), p_harm)


_TESTS: Final[Mapping[str, Callable[[Batch], _Distance]]] = {
    "relative": lambda batch: _by_margin(batch, "relative"),
    "absolute": lambda batch: _by_margin(batch, "absolute"),
    "none": _from_zero,
}
