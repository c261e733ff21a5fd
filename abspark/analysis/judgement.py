"""What the results of one treatment say: does it ship, is a guardrail harmed, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from abspark.analysis.comparisons import Row
from abspark.analysis.look_series import NOT_A_LOOK
from abspark.analysis.looks import DAY_NOT_OVER, LOGS_BEHIND, TOO_FEW_UNITS
from abspark.config import Experiment, Metric
from abspark.decided import Decided
from abspark.naming import probability
from abspark.reasons import reason_sentence
from abspark.stats.sequential_reasons import NO_ALPHA_TO_SPEND

BETTER: Final = "better"
WORSE: Final = "worse"
OPEN: Final = "not shown to be better"
UNJUDGED: Final = "not judged yet"
_NO_LOOK: Final = frozenset({DAY_NOT_OVER, LOGS_BEHIND, NOT_A_LOOK, NO_ALPHA_TO_SPEND, TOO_FEW_UNITS})
"""Reasons for which the latest day is no look. What an earlier look has shown stays shown, so they explain nothing."""


@dataclass(frozen=True)
class Judgement:
    """`gain` is the improvement that ranks treatments, relative where defined; -inf where there is none.

    `lost`: a primary metric is worse. `futile`: what would have to become better is not expected to.
    """

    ships: bool
    lost: bool
    futile: bool
    harmed: bool
    gain: float
    sentences: tuple[str, ...]


def judge(
    rows: Sequence[Row],
    experiment: Experiment,
    metrics: Mapping[str, Metric],
    *,
    harmed: Set[str],
    decided: Mapping[str, Decided],
) -> Judgement:
    """The judgement of the treatment whose results rows are given; `harmed` are its harmed guardrails.

    `decided` is by what metrics became significant. A metric without a row counts as not shown.
    """
    by_metric = {row["metric"]: row for row in rows}
    roles = experiment.metrics
    found = {name: _standing(by_metric.get(name), metrics[name], decided.get(name)) for name in roles.primary}
    one_sided = experiment.analysis.sides == 1
    sentences = [
        _standing_sentence(name, standing, by_metric.get(name), decided.get(name), one_sided=one_sided)
        for name, standing in found.items()
    ]
    futile = [name for name in found if by_metric.get(name, {}).get("futile")]
    sentences += [_futility_sentence(by_metric[name], experiment) for name in futile]
    standings = list(found.values())
    enough = {"all": all, "any": any}[experiment.analysis.ship_when]
    given_up = bool(futile) and (experiment.analysis.ship_when == "all" or len(futile) == len(found))
    won = enough(standing == BETTER for standing in standings) if standings else True
    margins = [given.metric for given in roles.guardrails if given.margin is not None]
    held = {name for name in margins if by_metric.get(name, {}).get("non_inferior")}
    for given in roles.guardrails:
        sentences.append(_guardrail_sentence(given.metric, margins=margins, held=held, harmed=harmed))
    nothing = not standings and not margins
    if nothing:
        sentences.append("There is neither a primary metric nor a guardrail with a margin to ship on.")
    ships = won and WORSE not in standings and held == set(margins) and not harmed and not nothing
    return Judgement(
        ships,
        WORSE in standings,
        given_up,
        bool(harmed),
        _gain(by_metric, experiment, metrics),
        tuple(sentences),
    )


def _standing(row: Row | None, metric: Metric, decided: Decided | None) -> str:
    if row is None or row["effect"] is None:
        return OPEN
    if row["reason"] == "not_finished":
        return UNJUDGED
    if row["method"] == "bayesian":
        return _standing_of_posterior(row)
    if not row["significant"]:
        return OPEN
    side = row["effect"] if decided is None else decided.statistic
    return BETTER if _sign(metric) * side > 0 else WORSE


def _standing_of_posterior(row: Row) -> str:
    probability, tail = row["prob_better"], row["alpha"] / 2
    if probability is None:
        return OPEN
    if probability > 1 - tail:
        return BETTER
    return WORSE if probability < tail else OPEN


def _futility_sentence(row: Row, experiment: Experiment) -> str:
    plan = experiment.analysis.group_sequential
    effect = None if plan is None or plan.futility is None else plan.futility.effect
    size = ""
    if effect is not None:
        size = (
            f" of {effect.absolute:g}" if effect.relative is None else f" of {effect.relative:.4g}, relative,"
        )
    return (
        f"{row['metric']} is futile: at its last look it fell short of what a planned improvement{size} would show. "
        "Stopping is advised, not required: going on keeps alpha."
    )


def _guardrail_sentence(name: str, *, margins: Sequence[str], held: Set[str], harmed: Set[str]) -> str:
    if name in harmed:
        worse = "worse than its margin" if name in margins else "worse"
        return f"The guardrail {name} is harmed: significantly {worse}."
    if name not in margins:
        return f"The guardrail {name} is not shown to be worse."
    if name in held:
        return f"The guardrail {name} holds: a worsening by its margin is ruled out."
    return f"The guardrail {name} is open: a worsening by its margin is not ruled out."


def _standing_sentence(
    name: str, standing: str, row: Row | None, decided: Decided | None, *, one_sided: bool
) -> str:
    """What was shown of a metric; where nothing was, also what its interval leaves possible."""
    if row is None:
        return f"{name} is {OPEN}: there is no result."
    if row["effect"] is None:
        return f"{name} is {OPEN}. {reason_sentence(row['reason'])}"
    numbers = _numbers(row, decided)
    shown = standing in (BETTER, WORSE)
    untold = row["reason"] is None or (shown and row["reason"] in _NO_LOOK)
    why = "" if untold else f" {reason_sentence(row['reason'])}"
    if standing != OPEN:
        return f"{name} is {standing} ({numbers}).{why}"
    return f"{_nothing_shown(name, row, one_sided=one_sided)} ({numbers}).{why}"


def _nothing_shown(name: str, row: Row, *, one_sided: bool) -> str:
    corrected = row["p_adjusted"] is not None and row["p_value"] < row["alpha"] <= row["p_adjusted"]
    told = f"No {'improvement of' if one_sided else 'effect on'} {name} was shown"
    allowed = _allowed(row)
    if corrected:
        told += " once it is corrected for several tests"
    return told if allowed is None else f"{told}; {allowed}"


def _allowed(row: Row) -> str | None:
    """The effects that the interval leaves possible; None without one."""
    stem, form = ("effect", "{:+.4g}") if row["relative_effect"] is None else ("relative", "{:+.2%}")
    low, high = (
        None if row[f"{stem}_{end}"] is None else form.format(row[f"{stem}_{end}"]) for end in ("low", "high")
    )
    if low is None and high is None:
        return None
    ends = f"up to {high}" if low is None else f"{low} and more" if high is None else f"from {low} to {high}"
    kind = "credible interval" if row["method"] == "bayesian" else "interval"
    return f"the {(1 - row['alpha']) * 100:.4g} % {kind} still allows {ends}"


def _numbers(row: Row, decided: Decided | None) -> str:
    told = [
        f"effect {row['effect']:+.4g}"
        if row["relative_effect"] is None
        else f"relative effect {row['relative_effect']:+.2%}"
    ]
    if row["p_adjusted"] is not None:
        told.append(f"adjusted p = {row['p_adjusted']:.3g}")
    elif row["p_value"] is not None:
        told.append(f"p = {row['p_value']:.3g}")
    elif row["prob_better"] is not None:
        told.append(f"probability to be better {probability(row['prob_better'])}")
    if row["prob_best"] is not None and row["prob_best"] != row["prob_better"]:
        told.append(f"to be the best variant {probability(row['prob_best'])}")
    if decided is not None and decided.statistic * row["effect"] < 0:
        told.append(f"decided on {decided.day} by a statistic of {decided.statistic:+.3g}")
    return ", ".join(told)


def _gain(by_metric: Mapping[str, Row], experiment: Experiment, metrics: Mapping[str, Metric]) -> float:
    roles = experiment.metrics
    first = (*roles.primary, *(given.metric for given in roles.guardrails))[:1]
    row = by_metric.get(first[0]) if first else None
    if row is None:
        return -math.inf
    effect = row["effect"] if row["relative_effect"] is None else row["relative_effect"]
    return -math.inf if effect is None else _sign(metrics[first[0]]) * float(effect)


def _sign(metric: Metric) -> int:
    return 1 if metric.direction == "increase" else -1
