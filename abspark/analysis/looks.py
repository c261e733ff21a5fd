"""The looks of sequential experiments: which days are looks, what each may spend, and the table of them.

A look is the end of a configured day, over complete units, of the headline comparison for everyone. Looks that an
earlier committed run recorded stand as they are: what they spent is never revised, their days are not looked at
again, and no look is put before them. New looks go on from what was recorded. A day that is no look says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.by_experiment import rows_by_experiment
from abspark.analysis.comparisons import QUANTILE, Batch, Comparison, Row, verdict_at
from abspark.analysis.futility import enter_futility, planned_statistics
from abspark.analysis.look_series import RECORDED, UNITS, Key, LookSeries, key_of, scale_of, statistics
from abspark.config import Experiment, Metric, windows_over
from abspark.schemas import LOOKS
from abspark.stats.anytime import confidence_sequence, tuned_rho
from abspark.stats.group_sequential import Looks, Plan, information_fraction, look_boundaries
from abspark.stats.moments import Bools, Floats
from abspark.stats.sequential_design import crossing_probabilities
from abspark.stats.sequential_reasons import NO_ALPHA_TO_SPEND
from abspark.stats.spending import Spending

DAY_NOT_OVER: Final = "day_not_over"
NOT_A_LOOK: Final = "not_a_look"
TOO_FEW_UNITS: Final = "below_min_sample_size"
LOGS_BEHIND: Final = "logs_behind"
_SPARSE: Final = timedelta(days=1)
"""A log that is complete up to so near the end of windows is so up to the end: there is no event at every instant."""
ALL_SPENT: Final = 1 - 1e-9
"""The share of alpha that counts as all of it."""


@dataclass(frozen=True)
class Clock:
    """What time it is: the run's cut of event time, and when each experiment's last window is over.

    `started_at` is when the run began. An `as_of` may lie ahead of it; nothing ahead of it is a look, as looks stay on
    record for good. `behind` are the metrics, by experiment and name, whose logs do not reach the end of their windows,
    and up to when these are complete.
    """

    as_of: datetime
    verdicts: Mapping[str, datetime]
    started_at: datetime
    behind: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    @property
    def seen(self) -> datetime:
        """Up to when looks go: `as_of`, or the run's start where that is earlier."""
        return min(self.as_of, self.started_at)

    def over(self, experiment: Experiment) -> bool:
        """Whether the experiment and all of its windows are over; where it has looks, not by an `as_of` ahead."""
        until = self.seen if experiment.analysis.sequential else self.as_of
        return until >= self.verdicts[experiment.id]

    def day_over(self, pair: Comparison) -> bool:
        """Whether nothing more can come to the comparison's day.

        Where there is no day series the run ends the day, but for the last, which has one look: when all is over. A run
        whose `as_of` lies ahead ends none.
        """
        midnight = datetime.combine(pair.day + timedelta(days=1), time(), _zone(pair.experiment))
        daily = pair.experiment.series.enabled and pair.metric.form != QUANTILE
        ends_here = not daily and pair.day != self.last_day(pair.experiment) and self.seen == self.as_of
        return self.seen >= midnight or self.over(pair.experiment) or ends_here

    def last_day(self, experiment: Experiment) -> date:
        """The local day on which the experiment's last window is over."""
        instant = self.verdicts[experiment.id] - timedelta(microseconds=1)
        return instant.astimezone(_zone(experiment)).date()


def clock(
    as_of: datetime,
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
    *,
    started_at: datetime | None = None,
    moments: Sequence[Row] = (),
) -> Clock:
    """The clock of a run; one that has no `started_at` began at `as_of`. `moments` tell how far logs are complete."""
    verdicts = {experiment.id: verdict_at(experiment, metrics) for experiment in experiments}
    known = {(row["experiment_id"], row["metric"]): row.get("complete_until") for row in moments}
    behind = {
        (experiment.id, name): until
        for experiment in experiments
        for name in experiment.metrics.names
        if (until := known.get((experiment.id, name))) is not None
        and until < windows_over(experiment, [metrics[name]]) - _SPARSE
    }
    return Clock(as_of, verdicts, as_of if started_at is None else started_at, behind)


def all_looks(batch: Batch, earlier: Sequence[Row], now: Clock) -> dict[str, LookSeries]:
    """The looks of each sequential experiment in the batch, earlier and new ones, by experiment.

    `earlier` are rows of the table looks, each experiment's of its committed run.
    """
    past = rows_by_experiment(earlier)
    return {
        id_: _series(batch.take(mine), past.get(id_, []), now) for id_, mine in by_experiment(batch).items()
    }


def by_experiment(batch: Batch) -> dict[str, NDArray[np.intp]]:
    """The places of the comparisons of each sequential experiment, from one pass over all of them."""
    places: dict[str, list[int]] = {}
    for place, pair in enumerate(batch.pairs):
        if pair.experiment.analysis.sequential:
            places.setdefault(pair.experiment.id, []).append(place)
    return {id_: np.array(mine, dtype=np.intp) for id_, mine in places.items()}


def look_rows(
    series: Mapping[str, LookSeries], earlier: Sequence[Row], experiments: Sequence[Experiment]
) -> list[dict[str, Any]]:
    """Rows of the table looks (all columns but run_id): those recorded before as they were, then the new ones.

    A look is `backfilled` that was made when a later day was over already.
    """
    names = [name for name in LOOKS.names if name != "run_id"]
    known = {experiment.id for experiment in experiments}
    scales = {experiment.id: scale_of(experiment) for experiment in experiments}
    rows = [{name: row[name] for name in names} for row in earlier if row["experiment_id"] in known]
    for id_, found in series.items():
        new = np.isfinite(found.boundary) & ~found.recorded
        for (metric, treatment), s in found.keys.items():
            for k in np.flatnonzero(new[s]):
                numbers = {name: _number(getattr(found, name)[s, k]) for name in RECORDED}
                place = {"experiment_id": id_, "metric": metric, "treatment": treatment, "day": found.days[k]}
                rows.append(
                    place | numbers | {"backfilled": found.days[k] < found.newest, "scale": scales[id_]}
                )
    return rows


def begun_anew(
    earlier: Sequence[Row], experiments: Sequence[Experiment]
) -> dict[str, tuple[list[str], list[str]]]:
    """Primary metrics of sequential experiments that have no looks on record while metrics have that are gone.

    By experiment: those, and the metrics that are gone. One may be the other under a new name, whose test begins anew.
    """
    looked: dict[str, list[str]] = {}
    for row in earlier:
        looked.setdefault(row["experiment_id"], []).append(row["metric"])
    found: dict[str, tuple[list[str], list[str]]] = {}
    for experiment in experiments:
        known = dict.fromkeys(looked.get(experiment.id, ()))
        gone = [name for name in known if name not in experiment.metrics.names]
        new = [name for name in experiment.metrics.primary if name not in known]
        if experiment.analysis.sequential and gone and new:
            found[experiment.id] = (new, gone)
    return found


def look_level(pair: Comparison) -> tuple[float, int]:
    """Alpha and sides of a comparison's looks.

    Group sequential families split alpha evenly over primary metrics x treatments. A guardrail is looked at from both
    sides, whatever the others are: each side has alpha / 2.
    """
    settings = pair.experiment.analysis
    if pair.role == "guardrail":
        return settings.alpha, 2
    split = settings.method == "group_sequential" and settings.correction != "none" and pair.role == "primary"
    family = len(pair.experiment.metrics.primary) * len(pair.experiment.treatments) if split else 1
    return settings.alpha / family, settings.sides


def alpha_left(pair: Comparison, series: LookSeries) -> float:
    """The level of a comparison's looks less what looks of another kind on record have used of it.

    Never 0, which no test can have; what is left then is half of the share that counts as nothing.
    """
    alpha = look_level(pair)[0]
    return max(alpha - float(series.used[series.keys[key_of(pair)]]), alpha * (1 - ALL_SPENT) / 2)


def planned_fraction(batch: Batch) -> Floats:
    """Information fraction of each group sequential comparison: its units / those planned for its arms; else NaN."""

    def planned(pair: Comparison) -> float:
        plan = pair.experiment.analysis.group_sequential
        if plan is None:
            return np.nan
        weights = {variant.key: variant.weight for variant in pair.experiment.variants}
        return plan.planned_units * (weights[pair.experiment.control] + weights[pair.treatment])

    return information_fraction(batch.units, batch.each(planned))


def anytime_information(batch: Batch) -> Floats:
    """What the width of an anytime-valid interval goes by: units, or with `tau` the relative precision.

    With `anytime_scale` squared it makes the mixing variance in units of the squared standard error.
    """
    by_units = batch.each(lambda pair: scale_of(pair.experiment) == UNITS)
    base, variance = batch.effect.control.mean, batch.effect.variance
    relative = np.divide(
        base**2, variance, out=np.full(len(batch), np.nan), where=(base > 0) & (variance > 0)
    )
    return np.where(by_units, batch.units, relative)


def anytime_scale(pair: Comparison) -> float:
    """Rho of a confidence sequence, or the configured tau."""
    settings = pair.experiment.analysis.anytime
    alpha, sides = look_level(pair)
    if settings.tau is not None:
        return settings.tau
    return float(tuned_rho(settings.tuned_at, alpha=alpha, sides=sides))


def _series(batch: Batch, earlier: Sequence[Row], now: Clock) -> LookSeries:
    """The looks of one experiment, of which the batch is."""
    series = _recorded(batch, earlier, now)
    fresh = _entered(series, batch, now)
    first = {key_of(pair): pair for pair in batch.pairs}
    ended = now.over(batch.pairs[0].experiment)
    if batch.pairs[0].experiment.analysis.method == "anytime":
        _open_intervals(series, fresh, first)
        return series
    designs = []
    levels = np.array([(alpha_left(first[key], series), look_level(first[key])[1]) for key in series.keys])
    closed = series.recorded[:, -1] & (series.alpha_spent[:, -1] >= levels[:, 0] * ALL_SPENT)
    ending = (fresh[:, -1] | closed) & ended
    for sides in (1, 2):
        rows = np.flatnonzero(levels[:, 1] == sides)
        if len(rows):
            plan = Plan(_spending(first), levels[rows, 0], sides)
            looks = _spent(series, rows, fresh, ending, plan)
            enter_futility(series, rows, fresh, looks, first)
            designs.append((rows, looks))
    return replace(series, designs=designs)


def _recorded(batch: Batch, earlier: Sequence[Row], now: Clock) -> LookSeries:
    """The looks that stand, among the days of all comparisons."""
    first = {key_of(pair): pair for pair in reversed(batch.pairs)}
    keys = {key: s for s, key in enumerate(dict.fromkeys(map(key_of, batch.pairs)))}
    known = [row for row in earlier if (row["metric"], row["treatment"]) in keys]
    scale = scale_of(batch.pairs[0].experiment)
    past = [row for row in known if row["scale"] in (scale, None)]
    barred = [date.min] * len(keys)
    for row in known:
        if row["scale"] not in (scale, None):
            s = keys[row["metric"], row["treatment"]]
            barred[s] = max(barred[s], row["day"])
    days = tuple(sorted({pair.day for pair in batch.pairs} | {row["day"] for row in past}))
    shape = (len(keys), len(days))
    blank = {name: np.full(shape, np.nan) for name in (*RECORDED, "fraction")}
    recorded = np.zeros(shape, dtype=np.bool_)
    for row in past:
        at = keys[row["metric"], row["treatment"]], days.index(row["day"])
        recorded[at] = True
        for name in RECORDED:
            blank[name][at] = np.nan if row[name] is None else row[name]
    newest = max((pair.day for pair in batch.pairs if now.day_over(pair)), default=date.min)
    return LookSeries(
        keys,
        days,
        recorded=recorded,
        reason=np.full(shape, NOT_A_LOOK, dtype=object),
        newest=newest,
        used=_used(known, keys, first),
        barred=tuple(barred),
        designs=(),
        **blank,
    )


def _used(known: Sequence[Row], keys: Mapping[Key, int], pairs: Mapping[Key, Comparison]) -> Floats:
    """Alpha that looks on record have used for which the method does not account, by row of the series.

    A group sequential test accounts for what is recorded as spent; an anytime test for its looks of the same scale.
    Looks of an anytime test record no alpha: theirs is how often any of them crosses its boundary under no effect.
    """
    used = np.zeros(len(keys))
    others: dict[tuple[Key, str | None], list[Row]] = {}
    for row in sorted(known, key=lambda row: row["day"]):
        key = row["metric"], row["treatment"]
        anytime = pairs[key].experiment.analysis.method == "anytime"
        if row["alpha_spent"] is None:
            if not (anytime and row["scale"] in (scale_of(pairs[key].experiment), None)):
                others.setdefault((key, row["scale"]), []).append(row)
        elif anytime:
            used[keys[key]] = max(used[keys[key]], row["alpha_spent"])
    for sides in (1, 2):
        chosen = {place: rows for place, rows in others.items() if look_level(pairs[place[0]])[1] == sides}
        if chosen:
            grids = [_grid(list(chosen.values()), name) for name in ("information", "boundary")]
            crossed = crossing_probabilities(grids[0], grids[1], sides=sides)
            np.add.at(used, [keys[key] for key, _ in chosen], crossed)
    family = [s for key, s in keys.items() if _corrected(pairs[key])]
    used[family] = used[family].sum()
    return used


def _corrected(pair: Comparison) -> bool:
    """Whether the comparison is of a family that shares one alpha; group sequential ones have their own part of it."""
    settings = pair.experiment.analysis
    return settings.method == "anytime" and pair.role == "primary" and settings.correction != "none"


def _grid(series: Sequence[Sequence[Row]], name: str) -> Floats:
    """A number of rows of the table looks as (series, looks), NaN where there is none."""
    grid = np.full((len(series), max(map(len, series))), np.nan)
    for s, rows in enumerate(series):
        grid[s, : len(rows)] = [np.nan if row[name] is None else row[name] for row in rows]
    return grid


def _entered(series: LookSeries, batch: Batch, now: Clock) -> Bools:
    """Enter the days that are looks now into the series; (s, k), which they are."""
    fresh = np.zeros(series.recorded.shape, dtype=np.bool_)
    anytime = batch.pairs[0].experiment.analysis.method == "anytime"
    information = anytime_information(batch) if anytime else batch.units
    fraction, statistic, smaller = planned_fraction(batch), statistics(batch), batch.smaller
    planned = planned_statistics(batch)
    for index, pair in enumerate(batch.pairs):
        s, k = series.keys[key_of(pair)], series.days.index(pair.day)
        if series.recorded[s, k]:
            series.reason[s, k] = ""
        if series.recorded[s, k] or not (pair.headline and pair.everyone):
            continue
        undefined = "" if np.isfinite(statistic[index]) else str(batch.effect.reason[index])
        series.reason[s, k] = undefined or _no_look(pair, smaller[index], now) or _closed(series, s, k, pair)
        if series.reason[s, k] == "":
            fresh[s, k] = True
            series.information[s, k], series.fraction[s, k] = information[index], fraction[index]
            series.statistic[s, k], series.planned_statistic[s, k] = statistic[index], planned[index]
    return fresh


def _no_look(pair: Comparison, smaller: float, now: Clock) -> str:
    """Why the comparison's day is no look; empty where it is one."""
    if not now.day_over(pair):
        return DAY_NOT_OVER
    last = pair.day == now.last_day(pair.experiment)
    if last and (pair.experiment.id, pair.metric.name) in now.behind:
        return LOGS_BEHIND
    if smaller < pair.experiment.min_sample_size:
        return TOO_FEW_UNITS
    plan = pair.experiment.analysis.group_sequential
    if plan is None or plan.looks == "daily" or last:
        return ""
    number = (pair.day - pair.experiment.start.astimezone(_zone(pair.experiment)).date()).days + 1
    due = number % 7 == 0 if plan.looks == "weekly" else number in plan.looks
    return "" if due else NOT_A_LOOK


def _closed(series: LookSeries, s: int, k: int, pair: Comparison) -> str:
    """Why no look may be added here to those that stand: a later one does, or all of alpha is spent."""
    stands = series.recorded[s]
    if stands[k:].any() or series.days[k] <= series.barred[s]:
        return NOT_A_LOOK
    left = alpha_left(pair, series)
    if left <= look_level(pair)[0] * (1 - ALL_SPENT):
        return NO_ALPHA_TO_SPEND
    by_looks = pair.experiment.analysis.method == "group_sequential"
    spent = np.fmax.reduce(series.alpha_spent[s, stands], initial=0.0) if by_looks else 0.0
    return NO_ALPHA_TO_SPEND if spent >= left * ALL_SPENT else ""


def _spending(pairs: Mapping[Key, Comparison]) -> Spending:
    plan = next(iter(pairs.values())).experiment.analysis.group_sequential
    if plan is None:
        raise ValueError("a group sequential experiment has a plan")
    return Spending(plan.spending, plan.parameter)


def _spent(series: LookSeries, rows: NDArray[np.intp], fresh: Bools, ending: Bools, plan: Plan) -> Looks:
    """Boundaries of the new looks of some rows, entered into the series; recorded ones stay as they are."""
    standing = np.where(series.recorded, series.alpha_spent, np.nan)[rows]
    looks = look_boundaries(
        series.information[rows], np.where(series.recorded, 0.0, series.fraction)[rows],
        plan=plan, final=ending[rows], recorded=standing,
    )  # fmt: skip
    new = fresh[rows]
    series.boundary[rows] = np.where(new, looks.boundary, series.boundary[rows])
    series.alpha_spent[rows] = np.where(new, looks.alpha_spent, series.alpha_spent[rows])
    series.reason[rows] = np.where(new, looks.reason, series.reason[rows])
    return looks


def _open_intervals(series: LookSeries, fresh: Bools, pairs: Mapping[Key, Comparison]) -> None:
    """Half-widths of anytime-valid intervals in standard errors, entered as boundaries of the new looks."""
    for key, s in series.keys.items():
        alpha, sides = alpha_left(pairs[key], series), look_level(pairs[key])[1]
        width = confidence_sequence(
            0.0, 1.0, units=series.information[s], rho=anytime_scale(pairs[key]), alpha=alpha, sides=sides
        )
        series.boundary[s] = np.where(fresh[s], -width.low, series.boundary[s])


def _zone(experiment: Experiment) -> ZoneInfo:
    return ZoneInfo(experiment.series.time_zone)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
