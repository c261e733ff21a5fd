"""One decision per experiment: ship, do_not_ship, keep_running, stop_for_harm or do_not_trust.

The first rule that applies decides, over the headline rows of everyone on the latest day:

1. `do_not_trust`: a health check has failed.
2. Before the end and the longest window are over, methods `fixed` and `bayesian` are made for one look that has not
   come: `stop_for_harm` where a guardrail of a treatment is harmed by the bound that may be looked at any time (see
   `abspark.analysis.guardrails`), else `keep_running`.
3. `keep_running`: a variant has fewer units than `min_sample_size`; `do_not_ship` once `max_duration_days` is used up.
   It comes before harm in rule 2 as well.
4. `ship`: a treatment ships. It ships when
   a. its primary metrics are better: all of them, or with `ship_when: any` at least one;
   b. none of its primary metrics is worse;
   c. every guardrail with a margin is non-inferior, and no guardrail is harmed.
   Of several such treatments the one with the largest relative improvement of the first primary metric (first
   guardrail, without one) is named; the configured order decides ties.
5. `stop_for_harm`: a guardrail of a treatment is harmed: significantly worse than its margin, or without a margin
   significantly worse at all.
6. `keep_running`: before the end, and while the last look waits for logs, methods `group_sequential` and `anytime`,
   while some treatment may still ship: none of its primary metrics is worse, none is futile at its last look
   (`ship_when: any`: not all are), and a group sequential design has alpha left to spend.
7. `do_not_ship`: everything else. Not shown to be better is not shown to be no better: the reasons tell which. For
   futility it is advice: the experiment may go on, its alpha holds, and a later look may decide otherwise.

Better and worse mean `significant` (so after adjustment, at any look so far) in the metric's direction or against it,
on the side of the statistic that made it so (see `abspark.decided`); with `bayesian`, prob_better above 1 - alpha / 2
or below alpha / 2.
An experiment without primary metrics ships on its guardrails alone, of which at least one must have a margin; without
one nothing can show that to ship.

**False ships**, by treatment and two-sided (one-sided: alpha in place of alpha / 2; figures in docs/statistics.md):

* `all`: one that is not truly better on *every* primary metric ships with probability <= alpha / 2, whatever the
  correction, because it must pass each test (Berger 1982, intersection-union).
* `any`: one that is better on *no* primary metric ships with probability <= alpha under bonferroni, holm, hochberg
  (alpha / 2 with one treatment: under rule 4b its smallest p is then on the good side). The Benjamini corrections
  promise that only where no treatment moves any metric, `none` never.
* Over all treatments together: <= alpha under bonferroni, holm, hochberg; otherwise up to the sum over treatments.
* Method `bayesian` adjusts nothing, so `any` errs once per primary metric; with flat priors about as `none` does.
* Sequential methods keep these rates however often they are looked at; a group sequential one corrects as bonferroni.
* Either way one that is worse than a margin ships with probability <= alpha / 2, guardrails unadjusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from abspark.analysis.by_experiment import rows_by_experiment
from abspark.analysis.clock import Clock
from abspark.analysis.comparisons import Row, verdict_at
from abspark.analysis.guardrails import Harm
from abspark.analysis.judgement import Judgement, judge
from abspark.analysis.look_levels import ALL_SPENT
from abspark.config import Experiment, Metric
from abspark.decided import Decided, decided_by, statistics_on_record

SHIP: Final = "ship"
DO_NOT_SHIP: Final = "do_not_ship"
KEEP_RUNNING: Final = "keep_running"
STOP_FOR_HARM: Final = "stop_for_harm"
DO_NOT_TRUST: Final = "do_not_trust"

_EVERY_EXPERIMENT: Final = "*"

Decision = tuple[str, list[str]]


@dataclass(frozen=True)
class Evidence:
    """What one run found, of any experiments; `harmed` are those of `analysis.guardrails`, `now` is its clock.

    `looks` are rows of that table: those on record, and the new ones.
    """

    results: Sequence[Row]
    health: Sequence[Row]
    harmed: Set[Harm]
    now: Clock
    looks: Sequence[Row]


def decisions(
    evidence: Evidence, experiments: Sequence[Experiment], metrics: Mapping[str, Metric]
) -> list[dict[str, object]]:
    """Rows of the table decisions (all columns but run_id), one per experiment."""
    results, health, looks = map(rows_by_experiment, (evidence.results, evidence.health, evidence.looks))
    harmed: dict[str, set[Harm]] = {}
    for harm in evidence.harmed:
        harmed.setdefault(harm[0], set()).add(harm)
    rows: list[dict[str, object]] = []
    for experiment in experiments:
        id_ = experiment.id
        checks = [*health.get(id_, ()), *health.get(_EVERY_EXPERIMENT, ())]
        own = Evidence(results.get(id_, ()), checks, harmed.get(id_, set()), evidence.now, looks.get(id_, ()))
        decision, reasons = _decide(own, experiment, metrics)
        rows.append({"experiment_id": id_, "decision": decision, "reasons": reasons})
    return rows


def _decide(evidence: Evidence, experiment: Experiment, metrics: Mapping[str, Metric]) -> Decision:
    results = _headlines(evidence.results)
    over = evidence.now.over(experiment)
    early = not over and not experiment.analysis.sequential
    waiting = _failed(evidence) or (
        _no_verdict(experiment, metrics) if early and not evidence.harmed else None
    )
    waiting = waiting or _too_few(evidence, experiment, results)
    if waiting is not None:
        return waiting
    decided = _decided(evidence)
    judged = [
        judge(
            [row for row in results if row["treatment"] == treatment],
            experiment,
            metrics,
            harmed={metric for _, metric, harming in evidence.harmed if harming == treatment},
            decided={metric: by for (metric, of), by in decided.items() if of == treatment},
        )
        for treatment in experiment.treatments
    ]
    named = list(zip(experiment.treatments, judged, strict=True))
    winners = [(treatment, found) for treatment, found in named if found.ships]
    if winners and not early:
        return SHIP, _of_winner(winners, named)
    sentences = [f"{treatment}: {sentence}" for treatment, found in named for sentence in found.sentences]
    if any(found.harmed for found in judged):
        return STOP_FOR_HARM, sentences
    awaited = _awaited_logs(evidence.now, experiment) if over else []
    may_ship = (
        (not over or bool(awaited))
        and not all(found.lost or found.futile for found in judged)
        and not _plan_fulfilled(experiment, results)
    )
    return (KEEP_RUNNING, [*sentences, *awaited]) if may_ship else (DO_NOT_SHIP, sentences)


def _awaited_logs(now: Clock, experiment: Experiment) -> list[str]:
    """For which logs the last look of an experiment waits that is over."""
    if not experiment.analysis.sequential:
        return []
    guarded = [given.metric for given in experiment.metrics.guardrails]
    behind = {name: now.behind.get((experiment.id, name)) for name in experiment.metrics.primary or guarded}
    return [
        f"The last look at {name} waits for its logs: they are complete up to {until:%Y-%m-%d %H:%M} UTC, and not to "
        "the end of its windows. A log that has nothing more to come says so by complete_until."
        for name, until in behind.items()
        if until is not None
    ]


def _plan_fulfilled(experiment: Experiment, results: Sequence[Row]) -> bool:
    """Whether the looks of all primary metrics (guardrails, without any) have spent what there was to spend.

    That is not the same as having the planned units: these may be there before the day's look, and a plan that was
    changed, or an end that was moved, brings no alpha back.
    """
    deciding = [
        row for row in results if row["role"] == ("primary" if experiment.metrics.primary else "guardrail")
    ]
    return bool(deciding) and all((row["alpha_spent"] or 0.0) >= row["alpha"] * ALL_SPENT for row in deciding)


def _failed(evidence: Evidence) -> Decision | None:
    failed = [
        f"The check {row['check']} failed: {row['message']}"
        for row in evidence.health
        if row["status"] == "fail"
    ]
    return (DO_NOT_TRUST, failed) if failed else None


def _no_verdict(experiment: Experiment, metrics: Mapping[str, Metric]) -> Decision:
    over = verdict_at(experiment, metrics)
    return KEEP_RUNNING, [
        f"There is no verdict before {over:%Y-%m-%d %H:%M} UTC, when the experiment and its longest window are over."
    ]


def _too_few(evidence: Evidence, experiment: Experiment, results: Sequence[Row]) -> Decision | None:
    least = experiment.min_sample_size
    units: dict[str, int] = {}
    deciding = [row for row in results if row["role"] != "secondary"] or results
    for row in deciding:
        for arm in ("control", "treatment"):
            units[row[arm]] = min(row[f"n_{arm}"], units.get(row[arm], row[f"n_{arm}"]))
    days = experiment.max_duration_days
    used_up = days is not None and evidence.now.as_of >= experiment.start + timedelta(days=days)
    then = "the longest duration is used up" if used_up else "move the end"
    short = [
        f"{variant} has {n:,} units, and no decision is made below {least:,}: {then}."
        for variant, n in units.items()
        if n < least
    ]
    return (DO_NOT_SHIP if used_up else KEEP_RUNNING, short) if short else None


def _of_winner(winners: Sequence[tuple[str, Judgement]], named: Sequence[tuple[str, Judgement]]) -> list[str]:
    best, judged = max(winners, key=lambda winner: winner[1].gain)
    others = [
        f"{treatment} {'could ship too' if found.ships else 'does not ship'}: {' '.join(found.sentences)}"
        for treatment, found in named
        if treatment != best
    ]
    return [f"Ship {best}.", *judged.sentences, *others]


def _headlines(results: Sequence[Row]) -> list[Row]:
    """Rows of the configured estimator for everyone on the latest day."""
    rows = _of_everyone(results)
    latest = max((row["day"] for row in rows), default=None)
    return [row for row in rows if row["day"] == latest]


def _of_everyone(results: Sequence[Row]) -> list[Row]:
    return [row for row in results if row["headline"] and row["segment_name"] is None]


def _decided(evidence: Evidence) -> dict[tuple[str, str], Decided]:
    """What decided each significant comparison, by metric and treatment."""
    paths: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(_of_everyone(evidence.results), key=lambda row: row["day"]):
        paths.setdefault((row["metric"], row["treatment"]), []).append(row)
    on_record = statistics_on_record(evidence.looks, evidence.results)
    found = {key: decided_by(path, on_record.get(key, {})) for key, path in paths.items()}
    return {key: by for key, by in found.items() if by is not None}
