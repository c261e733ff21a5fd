"""What can be told of a metric only beside the sources and the other metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from abspark.config.dimension_checks import exposure_source, known_attributes
from abspark.config.expressions import Role
from abspark.config.faults import Place, near_miss
from abspark.config.items import Item, Items
from abspark.config.references import Names, names_of, reference, written_expression
from abspark.config.spark_types import UNKNOWN, check_type
from abspark.errors import Fault

_COVARIATE_KINDS: Final = ("proportion", "count", "mean")


def metric_faults(items: Items, metric: Item) -> Iterator[Fault]:
    """Faults of a metric's references and expressions."""
    default = metric.data.get("source")
    for place, data in _parts(metric):
        yield from reference(items, place, data, "source", kind="events")
        names = _event_names(items, data.get("source", default))
        if names is not None:
            yield from written_expression(place, data, "where", names)
            tells_apart = data.get("kind") == "distinct" or (data is metric.data and "kind" in metric.broken)
            role: Role = "key" if tells_apart else "value"
            yield from written_expression(place, data, "value", names, role)
            yield from written_expression(place, data, "distinct", names)
    yield from _covariate_metric(items, metric)
    yield from _step_names(items, metric)


def _step_names(items: Items, metric: Item) -> Iterator[Fault]:
    """A funnel's steps become metrics of their own, whose names must be free."""
    for index, step in enumerate(() if metric.model is None else metric.model.partial_funnels):
        if step.name in items.names("metrics"):
            yield metric.place.at("steps", index, "name").fault(
                f"{step.name!r} is the name of another metric"
            )


def covariate_faults(items: Items, experiment: Item) -> Iterator[Fault]:
    """Faults of covariates that are attributes: the experiment's exposure source has to have them."""
    model = experiment.reading("exposures", "metrics")
    source = None if model is None else exposure_source(items, model.exposures)
    if source is None:
        return
    known = known_attributes(items, source)
    metrics = {item.name: item for item in items.of("metrics")}
    for name in model.metrics.names:
        item = metrics.get(name)
        metric = None if item is None else item.reading("covariate")
        covariate = None if metric is None else metric.covariate
        wanted = None if covariate is None else covariate.attribute
        if item is None or wanted is None or wanted in known:
            continue
        yield item.place.at("covariate", "attribute").fault(
            f"is no attribute of the exposure source {source.name!r}{near_miss(wanted, known)}",
            allowed=", ".join(known) or "none: the source declares no attributes",
        )


def _parts(metric: Item) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The mappings inside a metric that may name a source and hold expressions, with their places."""
    yield metric.place, metric.data
    for key in ("numerator", "denominator", "trigger"):
        if isinstance(metric.data.get(key), Mapping):
            yield metric.place.inside(key), metric.data[key]
    steps = metric.data.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, Mapping):
            yield metric.place.inside("steps").inside(index), step


def _covariate_metric(items: Items, metric: Item) -> Iterator[Fault]:
    covariate = metric.data.get("covariate")
    if not isinstance(covariate, Mapping):
        return
    place = metric.place.inside("covariate")
    yield from reference(items, place, covariate, "metric", kind="metrics")
    other = next((item for item in items.of("metrics") if item.name == covariate.get("metric")), None)
    kind = getattr(None if other is None else other.reading("kind"), "kind", None)
    if kind is not None and kind not in _COVARIATE_KINDS:
        yield place.inside("metric").fault(
            f"is of kind {kind}", allowed=f"a metric of kind {', '.join(_COVARIATE_KINDS)}"
        )


def _event_names(items: Items, name: Any) -> Names | None:
    """The names that expressions over an event source may use; None where they are not known.

    Of a property that is at fault the type isn't.
    """
    for item in (item for item in items.of("events") if item.name == name):
        if (model := item.reading("columns", "properties")) is not None:
            return names_of(model)
        model, properties = item.reading("columns"), item.data.get("properties")
        if model is not None and isinstance(properties, Mapping):
            mapped = model.columns.mapped
            called = {column: written for written, column in mapped.items()}
            types = {str(written): _declared_type(given) for written, given in properties.items()}
            return Names({**dict.fromkeys(mapped), **types}, called)
    return None


def _declared_type(given: Any) -> str:
    """The type of a property as it is written, `UNKNOWN` where that is none."""
    written = given.get("type") if isinstance(given, Mapping) else given
    try:
        return check_type(written) if isinstance(written, str) else UNKNOWN
    except ValueError:
        return UNKNOWN
