"""Looks on record: rows of the table looks to the series of an experiment, and new looks to rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date
from typing import Any

import numpy as np

from abspark.analysis.clock import Clock
from abspark.analysis.comparisons import Batch, Comparison, Row
from abspark.analysis.look_levels import look_level
from abspark.analysis.look_scale import in_today_scales
from abspark.analysis.look_series import NOT_A_LOOK, RECORDED, Key, LookSeries, key_of, scale_of
from abspark.config import Experiment
from abspark.schemas import LOOKS
from abspark.stats.moments import Floats
from abspark.stats.sequential_design import crossing_probabilities


def recorded_series(batch: Batch, earlier: Sequence[Row], now: Clock) -> LookSeries:
    """The looks that stand, among the days of all comparisons."""
    first = {key_of(pair): pair for pair in reversed(batch.pairs)}
    keys = {key: s for s, key in enumerate(dict.fromkeys(map(key_of, batch.pairs)))}
    scale = scale_of(batch.pairs[0].experiment)
    control = batch.pairs[0].experiment.control
    own = [
        row for row in earlier if (row["metric"], row["treatment"]) in keys and _compared_with(row, control)
    ]
    known = in_today_scales(own, batch)
    past = [row for row in known if row["scale"] == scale]
    barred = [date.min] * len(keys)
    for row in known:
        if row["scale"] != scale:
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


def look_rows(
    series: Mapping[str, LookSeries], earlier: Sequence[Row], experiments: Sequence[Experiment]
) -> list[dict[str, Any]]:
    """Rows of the table looks (all columns but run_id): those recorded before as they were, then the new ones.

    A look is `backfilled` that was made when a later day was over already.
    """
    names = [name for name in LOOKS.names if name != "run_id"]
    known = {experiment.id for experiment in experiments}
    whole = {
        experiment.id: {"scale": scale_of(experiment), "control": experiment.control}
        for experiment in experiments
    }
    rows = [{name: row[name] for name in names} for row in earlier if row["experiment_id"] in known]
    for id_, found in series.items():
        new = np.isfinite(found.boundary) & ~found.recorded
        for (metric, treatment), s in found.keys.items():
            for k in np.flatnonzero(new[s]):
                numbers = {name: _number(getattr(found, name)[s, k]) for name in RECORDED}
                place = {"experiment_id": id_, "metric": metric, "treatment": treatment, "day": found.days[k]}
                rows.append(place | numbers | whole[id_] | {"backfilled": found.days[k] < found.newest})
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


def arms_begun_anew(
    earlier: Sequence[Row], experiments: Sequence[Experiment]
) -> dict[str, tuple[list[str], list[str]]]:
    """Arms of sequential experiments that have no looks on record while arms have that are not compared any more.

    By experiment: those, and the arms that are gone. An arm under a new name, or beside another control, begins anew.
    """
    looked: dict[str, dict[tuple[str, str | None], None]] = {}
    for row in earlier:
        looked.setdefault(row["experiment_id"], {})[row["treatment"], row["control"]] = None
    found: dict[str, tuple[list[str], list[str]]] = {}
    for experiment in experiments:
        known = {(arm, control or experiment.control): None for arm, control in looked.get(experiment.id, {})}
        today = {(arm, experiment.control): None for arm in experiment.treatments}
        new, gone = today.keys() - known.keys(), known.keys() - today.keys()
        if experiment.analysis.sequential and new and gone:
            found[experiment.id] = (_named(today, new), _named(known, gone))
    return found


def _named(arms: Iterable[tuple[str, str]], chosen: Set[tuple[str, str]]) -> list[str]:
    # beside itself: a look of an earlier version, whose control is another than today's and not told
    return [
        arm if arm == control else f"{arm} against {control}"
        for arm, control in arms
        if (arm, control) in chosen
    ]


def _compared_with(look: Row, control: str) -> bool:
    """Whether a look is of a comparison with this control; one of an earlier version doesn't say."""
    return look["control"] is None or look["control"] == control


def _used(known: Sequence[Row], keys: Mapping[Key, int], pairs: Mapping[Key, Comparison]) -> Floats:
    """Alpha that looks on record have used for which the method does not account, by row of the series.

    A group sequential test accounts for what is recorded as spent; an anytime test for its looks of the same scale.
    Looks of an anytime test record no alpha: theirs is how often any of them crosses its boundary under no effect.
    """
    used = np.zeros(len(keys))
    others: dict[tuple[Key, str], list[Row]] = {}
    for row in sorted(known, key=lambda row: row["day"]):
        key = row["metric"], row["treatment"]
        anytime = pairs[key].experiment.analysis.method == "anytime"
        if row["alpha_spent"] is None:
            if not (anytime and row["scale"] == scale_of(pairs[key].experiment)):
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


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
