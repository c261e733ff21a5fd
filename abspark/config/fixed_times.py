"""Logs without times beside windows: a fixed time that no unit's window can hold would silently count as no event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from abspark.config.faults import Place
from abspark.config.items import Item, Items
from abspark.config.metric import Metric, Window
from abspark.config.values import format_instant
from abspark.errors import Fault

_TICK: Final = timedelta(microseconds=1)
_FIELDS: Final = ("source", "window", "numerator", "denominator", "steps", "trigger")


def fixed_time_faults(items: Items, experiment: Item) -> Iterator[Fault]:
    """Windows that hold the fixed time of their source for no unit of the experiment."""
    model = experiment.reading("start", "end", "exposures", "metrics")
    exposed = None if model is None else _exposed(items, model)
    if exposed is None:
        return
    own = frozenset(model.metrics.names)
    for item in items.of("metrics"):
        metric = item.reading(*_FIELDS) if item.name in own else None
        if metric is None or metric.trigger is not None:
            continue
        for place, source, window in _windows(item.place, metric):
            fixed = _fixed_time(items, "events", source)
            if fixed is not None and not _may_hold(window, fixed, *exposed):
                yield place.at("window").fault(
                    f"leaves out all rows of {source!r}, whose fixed_time is {format_instant(fixed)}, for every unit "
                    f"that {experiment.name!r} can expose",
                    allowed="window: {end: open} with a fixed_time at the experiment's end or later",
                )


def _exposed(items: Items, experiment: Any) -> tuple[datetime, datetime] | None:
    """The first and the last instant at which units are exposed; None where the source is not known."""
    for item in items.of("exposures"):
        if item.name == experiment.exposures:
            fixed = _fixed_time(items, "exposures", item.name)
            return (experiment.start, experiment.end - _TICK) if fixed is None else (fixed, fixed)
    return None


def _fixed_time(items: Items, kind: str, name: str | None) -> datetime | None:
    found = (item.reading("fixed_time") for item in items.of(kind) if item.name == name)
    model = next(found, None)
    return None if model is None else model.fixed_time


def _windows(place: Place, metric: Metric) -> Iterator[tuple[Place, str, Window]]:
    """The metric's sources, each with the window in which its events count, and where that is written."""
    sides = {"numerator": metric.numerator, "denominator": metric.denominator}
    given = {key: side for key, side in sides.items() if side is not None}
    for key, side in given.items():
        source, window = side.source or metric.source, side.window or metric.window
        if source is not None:
            yield (place if side.window is None else place.inside(key)), source, window
    if not given:
        yield from ((place, source, metric.window) for source in metric.sources)


def _may_hold(window: Window, fixed: datetime, first: datetime, last: datetime) -> bool:
    """Whether the window of some unit between the first and the last exposure holds the fixed time."""
    if window.anchor != "exposure":
        return True
    return first + window.start <= fixed and (window.closes is None or fixed < last + window.closes)
