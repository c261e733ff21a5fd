"""Results of sequential methods: a row per day, each allowed to decide.

Group sequential rows have the repeated interval of their look and a repeated p-value, anytime rows an always-valid
interval and p-value. p is the smallest so far: what a look has decided stays decided. A recorded look counts with the
statistic on record. A segment has the boundaries of everyone's looks: its information is taken to grow as theirs does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch, Comparison
from abspark.analysis.look_levels import (
    ALL_SPENT,
    alpha_left,
    anytime_scale,
    look_information,
    look_level,
    planned_fraction,
)
from abspark.analysis.look_series import LookSeries, key_of, statistics
from abspark.analysis.looks import by_experiment
from abspark.stats.anytime import confidence_sequence
from abspark.stats.group_sequential import Looks, first_crossing
from abspark.stats.moments import Bools, Floats
from abspark.stats.repeated import repeated_p_values
from abspark.stats.running import latest, running_minimum
from abspark.stats.sequential_reasons import NO_ALPHA_TO_SPEND
from abspark.stats.stagewise import estimates_at_stopping
from abspark.stats.tails import level, sided

Columns = dict[str, NDArray[Any]]
AllLooks = Mapping[str, LookSeries]

LOOK_ON_RECORD: Final = "look_on_record"
"""Today's numbers would give another answer at the look than the statistic on record."""
_STOPPED: Final = ("stopped_p_value", "stopped_effect", "stopped_low", "stopped_high")


@dataclass(frozen=True)
class _Layers:
    """Rows of one experiment as series of days: each row's `layer` and `column` among the days of `looks`.

    `pairs` has a comparison of each layer, `series` the row of `looks` with its boundaries, and `own` whether the
    looks were made of it, so that their recorded statistics are its own.
    """

    looks: LookSeries
    pairs: Sequence[Comparison]
    layer: NDArray[np.intp]
    column: NDArray[np.intp]
    series: NDArray[np.intp]
    own: Bools

    def spread(self, values: Floats) -> Floats:
        """Values of the rows as (layers, days), NaN where there is no row."""
        grid = np.full((len(self.pairs), len(self.looks.days)), np.nan)
        grid[self.layer, self.column] = values
        return grid

    def of_looks(self, grid: Floats) -> Floats:
        """A grid of the looks, (series, days), as (layers, days)."""
        return np.asarray(grid[self.series])

    @property
    def on_record(self) -> Bools:
        """Which (layers, days) are looks that an earlier run recorded of just this layer."""
        return np.asarray(self.looks.recorded[self.series] & self.own[:, None])


def group_sequential_columns(batch: Batch, looks: AllLooks) -> Columns:
    """Every comparison by the boundary of its look; `reason` is "" where nothing is undefined."""
    boundary, spent, p, crossed, lost, futile = (np.full(len(batch), np.nan) for _ in range(6))
    stopped = {name: np.full(len(batch), np.nan) for name in _STOPPED}
    error = np.sqrt(batch.effect.variance)
    reason = np.full(len(batch), "", dtype=object)
    turned = statistics(batch) * batch.direction
    for id_, mine in by_experiment(batch).items():
        found = _layers(batch.take(mine), looks[id_])
        at = found.layer, found.column
        on_record = (
            found.of_looks(found.looks.statistic) * _each(found.pairs, lambda pair: pair.direction)[:, None]
        )
        z = np.where(found.on_record, on_record, found.spread(turned[mine]))
        boundary[mine], reason[mine] = (
            found.of_looks(found.looks.boundary)[at],
            found.looks.reason[found.series][at],
        )
        restated = found.on_record & (_beyond(found, z) != _beyond(found, found.spread(turned[mine])))
        silent = reason[mine] == ""
        reason[mine] = np.where(silent & restated[at], LOOK_ON_RECORD, reason[mine])
        spent[mine] = np.fmax.accumulate(found.of_looks(found.looks.alpha_spent), axis=1)[at]
        p[mine], crossed[mine] = running_minimum(_repeated(found, z))[at], _crossed(found, z)[at]
        lost[mine], futile[mine] = (grid[at] for grid in _futility(found, z))
        for name, values in zip(_STOPPED, _at_stopping(found, z, found.spread(error[mine])), strict=True):
            stopped[name][mine] = values[at]
    usable = np.where(np.isfinite(boundary), boundary, np.nan)
    return (
        _intervals(batch, usable)
        | stopped
        | {
            "alpha": batch.each(lambda pair: alpha_left(pair, looks[pair.experiment.id])),
            "boundary": boundary,
            "alpha_spent": spent,
            "information_fraction": planned_fraction(batch),
            "p_value": p,
            "crossed": crossed,
            "futility_boundary": lost,
            "futile": np.where(crossed == 1, 0.0, futile),
            "reason": _reasons(batch, reason),
        }
    )


def anytime_columns(batch: Batch, looks: AllLooks) -> Columns:
    """Every comparison by its always-valid interval; `reason` is "" where nothing is undefined.

    The test begins with `min_sample_size` units in each arm: a smaller day has its interval, but counts with p = 1.
    """
    turned = statistics(batch) * batch.direction
    width, p = _always_valid(turned, look_information(batch), batch.pairs, looks)
    p[batch.too_small & ~np.isnan(p)] = 1.0
    for id_, mine in by_experiment(batch).items():
        found = _layers(batch.take(mine), looks[id_])
        z = found.of_looks(found.looks.statistic) * _each(found.pairs, lambda pair: pair.direction)[:, None]
        on_record = _always_valid(z, found.of_looks(found.looks.information), found.pairs, looks)[1]
        grid = np.where(found.on_record, on_record, found.spread(p[mine]))
        p[mine] = running_minimum(grid)[found.layer, found.column]
    level = batch.each(lambda pair: look_level(pair)[0])
    used = level - batch.each(lambda pair: alpha_left(pair, looks[pair.experiment.id]))
    reason = np.where(used >= level * ALL_SPENT, NO_ALPHA_TO_SPEND, "").astype(object)
    return _intervals(batch, width) | {
        "boundary": width,
        "alpha_spent": np.where(used > 0, used, np.nan),
        "p_value": p,
        "reason": _reasons(batch, reason),
    }


def _layers(batch: Batch, looks: LookSeries) -> _Layers:
    """The rows of one experiment by metric, treatment, estimator and segment."""
    labels = [(key_of(pair), pair.estimator, pair.segment) for pair in batch.pairs]
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    first = dict(zip(reversed(labels), reversed(batch.pairs), strict=True))
    pairs = [first[label] for label in numbers]
    column = {day: k for k, day in enumerate(looks.days)}
    return _Layers(
        looks,
        pairs,
        layer=np.array([numbers[label] for label in labels]),
        column=np.array([column[pair.day] for pair in batch.pairs]),
        series=np.array([looks.keys[key_of(pair)] for pair in pairs]),
        own=np.array([pair.headline and pair.everyone for pair in pairs]),
    )


def _designs(found: _Layers, among: Bools) -> Iterator[tuple[NDArray[np.intp], Looks]]:
    """Which of some layers have a design, and their looks by it."""
    for rows, design in found.looks.designs:
        place = np.full(len(found.looks.keys), -1)
        place[rows] = np.arange(len(rows))
        layers = np.flatnonzero((place[found.series] >= 0) & among)
        yield layers, design.take(place[found.series[layers]])


def _repeated(found: _Layers, z: Floats) -> Floats:
    """Repeated p-values (layers, days).

    Whether a recorded look crossed is a matter of the boundary on record. That is none of the design's where the sides
    have changed since, and then p is on the same side of alpha, at alpha itself.
    """
    p = np.full(z.shape, np.nan)
    for layers, looks in _designs(found, np.ones(len(z), dtype=np.bool_)):
        p[layers] = repeated_p_values(z[layers], looks)
    alpha = _each(found.pairs, lambda pair: alpha_left(pair, found.looks))[:, None]
    judged = np.where(_beyond(found, z), np.minimum(p, alpha), np.maximum(p, np.nextafter(alpha, 1.0)))
    return np.where(found.looks.recorded[found.series], judged, p)


def _at_stopping(found: _Layers, z: Floats, error: Floats) -> list[Floats]:
    """Stage-wise p, median-unbiased effect and its interval, each (layers, days), from the stopping look on.

    A test stops where a boundary is crossed, or at the look that spends the last of alpha. Segments do not stop.
    Looks record statistics and no errors: the estimate at a recorded look is of its statistic, in the unit of the
    effect by today's `error` of that day, and so on the side that crossed whatever the effect of that day is today.
    """
    grids = [np.full(z.shape, np.nan) for _ in _STOPPED]
    everyone = _each(found.pairs, lambda pair: pair.everyone)
    for layers, looks in _designs(found, everyone):
        ended = (looks.counted | looks.retested) & (looks.fraction >= 1)
        stop = first_crossing(np.where(np.isnan(looks.boundary), np.nan, z[layers]), looks)
        stop = np.where((stop < 0) & ended.any(axis=1), np.argmax(ended, axis=1), stop)
        at = np.arange(len(layers)), np.maximum(stop, 0)
        found_there = estimates_at_stopping(z[layers][at], error[layers][at], stopped_at=stop, looks=looks)
        stopped = [found.pairs[layer] for layer in layers]
        turn = _each(stopped, lambda pair: pair.direction)
        furthest = _furthest(_each(stopped, lambda pair: pair.binary))
        ends = np.clip([found_there.low * turn, found_there.high * turn], -furthest, furthest)
        values = (found_there.p_value, found_there.effect * turn, np.fmin(*ends), np.fmax(*ends))
        since = np.arange(z.shape[1]) >= np.where(stop < 0, z.shape[1], stop)[:, None]
        for grid, value in zip(grids, values, strict=True):
            grid[layers] = np.where(since, value[:, None], np.nan)
    return grids


def _crossed(found: _Layers, z: Floats) -> Floats:
    """(layers, days): 1 where a look so far crossed its boundary, 0 where none did, NaN where there was none."""
    tested = np.isfinite(found.of_looks(found.looks.boundary)) & np.isfinite(z)
    so_far = np.logical_or.accumulate(_beyond(found, z), axis=1).astype(np.float64)
    return np.where(np.logical_or.accumulate(tested, axis=1), so_far, np.nan)


def _beyond(found: _Layers, z: Floats) -> Bools:
    """(layers, days): whether there is a look whose boundary the statistic is beyond."""
    boundary = found.of_looks(found.looks.boundary)
    two = _each(found.pairs, lambda pair: look_level(pair)[1] == 2)[:, None]
    tested = np.isfinite(boundary) & np.isfinite(z)
    return np.asarray(tested & (np.where(two, np.abs(z), z) >= boundary))


def _futility(found: _Layers, z: Floats) -> tuple[Floats, Floats]:
    """(layers, days): the boundary for futility on the statistic's scale, and whether the last look was beyond it.

    1 and 0; NaN before a first look with futility, once all of alpha is spent, and for what looks are not made of.
    """
    direction = _each(found.pairs, lambda pair: pair.direction)[:, None]
    own = found.own[:, None] & np.isfinite(found.of_looks(found.looks.beta_spent))
    boundary = np.where(own, found.of_looks(found.looks.futility_boundary), np.nan)
    futile = np.where(own & np.isfinite(z), z <= direction * boundary, np.nan)
    level = _each(found.pairs, lambda pair: alpha_left(pair, found.looks))[:, None]
    ended = np.fmax.accumulate(found.of_looks(found.looks.alpha_spent), axis=1) >= level * ALL_SPENT
    return boundary, np.where(ended, np.nan, latest(futile))


def _always_valid(
    z: Floats, information: Floats, pairs: Sequence[Comparison], looks: AllLooks
) -> tuple[Floats, Floats]:
    """Half-width in standard errors, and p, of statistics whose first axis is the pairs; positive is better.

    Where looks of another kind have used some of alpha, p is larger by so much that it is below alpha where the test
    at what is left rejects.
    """
    width, p = np.empty(z.shape), np.empty(z.shape)
    levels = np.array([look_level(pair) for pair in pairs])
    left = np.array([alpha_left(pair, looks[pair.experiment.id]) for pair in pairs])
    rho = _each(pairs, anytime_scale)
    column = (slice(None),) + (None,) * (z.ndim - 1)
    for sides in (1, 2):
        rows = levels[:, 1] == sides
        sequence = confidence_sequence(
            z[rows], np.ones(z[rows].shape), units=information[rows],
            rho=rho[rows][column], alpha=left[rows][column], sides=sides,
        )  # fmt: skip
        width[rows] = z[rows] - sequence.low
        p[rows] = np.minimum(sequence.p_value * (levels[:, 0] / left)[rows][column], 1.0)
    return width, p


def _intervals(batch: Batch, width: Floats) -> Columns:
    """Estimates with intervals of `width` standard errors, open on the good side in one-sided tests."""
    effect = batch.effect
    columns = {
        "effect": effect.effect,
        "std_error": np.sqrt(effect.variance),
        "statistic": statistics(batch),
        "relative_effect": effect.relative,
    }
    alpha, sides = zip(*(look_level(pair) for pair in batch.pairs), strict=True)
    test = level(len(batch), alpha=alpha, sides=sides, direction=batch.direction)
    for name, centre, variance, limit in (
        ("effect", effect.effect, effect.variance, _furthest(batch.binary)),
        ("relative", effect.relative, effect.relative_variance, np.inf),
    ):
        half = width * np.sqrt(np.where(variance > 0, variance, np.nan))
        bounds = sided((centre - half, centre + half), test, limit=limit)
        columns[f"{name}_low"], columns[f"{name}_high"] = bounds
    return columns


def _furthest(binary: Bools) -> Floats:
    """How far from 0 an effect can be: that of proportions is within 1."""
    return np.where(binary, 1.0, np.inf)


def _reasons(batch: Batch, reason: NDArray[np.object_]) -> NDArray[np.object_]:
    own = batch.effect.relative_reason.astype(object)
    return np.where(own == "", reason, own)


def _each(pairs: Sequence[Comparison], setting: Callable[[Comparison], Any]) -> NDArray[Any]:
    return np.array([setting(pair) for pair in pairs])
