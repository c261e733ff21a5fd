"""The experiments, metrics and sources of a world as the configuration has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from world import Experiment, Feed, Log, Metric, Window, World

from abspark.config import EventSource, ExposureSource
from abspark.config import Experiment as ExperimentModel
from abspark.config import Metric as MetricModel
from abspark.pipeline.study import Study

RAW = {
    "unit": "user", "time": "ts", "experiment": "test", "variant": "arm", "event": "kind", "event_id": "eid",
    "value": "amount",
}  # fmt: skip
"""Raw column of each canonical one; properties and attributes have a raw column named raw_NAME."""
TYPES = {"time": "bigint", "value": "double", "quantity": "int", "flag": "boolean"}


def instant(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def study_of(world: World) -> Study:
    return Study(
        tuple(_experiment(e) for e in world.experiments),
        tuple(_metric(m) for m in world.metrics),
        tuple(event_source(log) for log in world.events),
        instant(world.as_of),
        {metric.name: _metric(metric) for metric in world.others},
    )


def exposure_source(log: Log) -> ExposureSource:
    return ExposureSource.model_validate(
        _source(log, ("unit", "time", "experiment", "variant"))
        | {"attributes": {name: f"raw_{name}" for name in log.attributes}}
    )


def event_source(log: Log) -> EventSource:
    names = ["unit", "time", "event", "value"]
    names += ["experiment"] if log.carries_experiment else []
    names += ["variant"] if log.carries_variant else []
    given: dict[str, Any] = {}
    if log.complete_until is not None:
        given = {"complete_until": instant(log.complete_until).isoformat()}
    if log.lag is not None:
        given = {"complete_until": timedelta(microseconds=log.lag)}
    if log.copies_within is not None:
        given["copies_within"] = timedelta(microseconds=log.copies_within)
    return EventSource.model_validate(_source(log, names) | given)


def _source(log: Log, names: Sequence[str]) -> dict[str, Any]:
    mapped = [*names, "event_id"] if log.has_event_id else names
    return {
        "name": log.name,
        "format": "parquet",
        "path": "nowhere",
        "columns": {name: RAW[name] for name in mapped},
        "filter": log.passes.sql if log.passes else None,
        "properties": {
            name: {"type": TYPES.get(name, "string"), "column": f"raw_{name}"} for name in log.properties
        },
    }


def _experiment(given: Experiment) -> ExperimentModel:
    share = 1 / len(given.variants)
    return ExperimentModel.model_validate(
        {
            "id": given.id,
            "variants": [{"key": key, "weight": share} for key in given.variants],
            "control": given.variants[0],
            "start": instant(given.start).isoformat(),
            "end": instant(given.end).isoformat(),
            "exposures": given.exposures,
            "multiple_variants": "first" if given.first_wins else "exclude",
            "metrics": {"primary": given.metrics},
            "segments": given.segments,
            "segment_values": given.segment_values,
            "analysis": {"alpha": given.alpha},
            "series": {
                "enabled": given.series,
                "time_zone": given.time_zone,
                "since_exposure": given.since_exposure,
            },
        }
    )


def _metric(given: Metric) -> MetricModel:
    ratio = given.numerator is not None and given.denominator is not None
    model = {
        "name": given.name,
        "kind": given.is_a,
        "source": given.source,
        "where": given.where.sql if given.where else None,
        "value": given.value.sql if given.value else None,
        "window": _window(given.window),
        "cap": _cap(given),
        "covariate": _covariate(given),
        "trigger": _trigger(given),
        "quantile": given.quantile,
        "of": given.of,
        "steps": [{"name": f"step{n}", **_feed(step)} for n, step in enumerate(given.steps)],
    }
    if given.is_a not in ("retention", "time_to"):
        model["window_policy"] = "complete" if given.complete_only else "all"
    if ratio:
        model["numerator"], model["denominator"] = (_feed(feed) for feed in given.feeds)
        model["different_windows"] = any(feed.window is not None for feed in given.feeds)
    return MetricModel.model_validate({key: value for key, value in model.items() if value is not None})


def _window(given: Window) -> dict[str, Any]:
    end = "open" if given.end is None else timedelta(microseconds=given.end)
    return {"start": timedelta(microseconds=given.start), "end": end, "anchor": given.anchor}


def _feed(given: Feed) -> dict[str, Any]:
    found = {
        "source": given.source,
        "where": given.where.sql if given.where else None,
        "value": given.value.sql if given.value else None,
        "distinct": given.key.sql if given.key else None,
        "window": _window(given.window) if given.window else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _cap(given: Metric) -> dict[str, Any] | None:
    bounds = {
        "lower_value": given.low,
        "value": given.high,
        "lower_quantile": given.low_quantile,
        "quantile": given.high_quantile,
    }
    found: dict[str, Any] = {key: bound for key, bound in bounds.items() if bound is not None}
    return found | {"over": given.over} if found else None


def _covariate(given: Metric) -> dict[str, Any] | None:
    if given.attribute is not None:
        return {"attribute": given.attribute}
    if given.lookback is None:
        return None
    named = {} if given.covariate is None else {"metric": given.covariate}
    return {"lookback": timedelta(microseconds=given.lookback), **named}


def _trigger(given: Metric) -> dict[str, Any] | None:
    if given.trigger is None:
        return None
    within = given.trigger.within
    waits = {} if within is None else {"within": timedelta(microseconds=within)}
    return _feed(given.trigger.feed) | waits
