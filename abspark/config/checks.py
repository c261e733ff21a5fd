"""What can be told only across files: names, references, and who may share a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from abspark.config.dimension_checks import dimension_faults, exposure_source, known_attributes
from abspark.config.faults import Place, near_miss
from abspark.config.fixed_times import fixed_time_faults
from abspark.config.items import Item, Items
from abspark.config.metric_checks import covariate_faults, metric_faults
from abspark.config.references import names_of, reference, written_expression
from abspark.config.source import ExposureSource
from abspark.errors import Fault

_NAMESPACES: Final = (("exposures", "events", "dimensions"), ("metrics",), ("experiments",))


def check_items(items: Items) -> Iterator[Fault]:
    """Faults between definitions; a faulty definition is checked as far as it can be read."""
    for kinds in _NAMESPACES:
        yield from _repeated_names([item for kind in kinds for item in items.of(kind)])
    for metric in items.of("metrics"):
        yield from metric_faults(items, metric)
    for experiment in items.of("experiments"):
        yield from reference(items, experiment.place, experiment.data, "exposures", kind="exposures")
        yield from _metric_references(items, experiment)
        yield from _margins(items, experiment)
        yield from _segment_references(items, experiment)
        yield from covariate_faults(items, experiment)
        yield from _assignment_references(items, experiment)
        yield from _complete_windows(items, experiment)
        yield from fixed_time_faults(items, experiment)
    yield from _shared_sources(items)
    for source in items.of("exposures"):
        yield from dimension_faults(items, source)
    for source in (*items.of("exposures"), *items.of("events"), *items.of("dimensions")):
        model = source.reading("columns", "properties", "attributes")
        if model is not None:
            yield from written_expression(source.place, source.data, "filter", names_of(model))


def _repeated_names(items: list[Item]) -> Iterator[Fault]:
    first: dict[str, Item] = {}
    for item in items:
        if item.name is None:
            continue
        if item.name in first:
            key = "id" if "id" in item.data else "name"
            other = first[item.name].place
            line = other.document.line_of(other.path)
            yield item.place.inside(key).fault(f"is already used in {other.file}:{line}")
        first.setdefault(item.name, item)


def _metric_references(items: Items, experiment: Item) -> Iterator[Fault]:
    roles = experiment.data.get("metrics")
    if not isinstance(roles, Mapping):
        return
    place = experiment.place.inside("metrics")
    for role in ("primary", "secondary"):
        names = roles.get(role)
        for index in range(len(names) if isinstance(names, list) else 0):
            yield from reference(items, place.inside(role), names, index, kind="metrics")
    guardrails = roles.get("guardrails")
    for index, given in enumerate(guardrails if isinstance(guardrails, list) else ()):
        if isinstance(given, Mapping):
            here = place.inside("guardrails").inside(index)
            yield from reference(items, here, given, "metric", kind="metrics")


def _margins(items: Items, experiment: Item) -> Iterator[Fault]:
    """A metric of which more is better can't lose more than all of its mean, so that such a guardrail never fails."""
    model = experiment.reading("metrics")
    if model is None:
        return
    directions = {item.name: item.reading("direction") for item in items.of("metrics")}
    for index, given in enumerate(model.metrics.guardrails):
        metric = directions.get(given.metric)
        relative = None if given.margin is None else given.margin.relative
        if metric is not None and metric.direction == "increase" and relative is not None and relative >= 1:
            yield experiment.place.at("metrics", "guardrails", index, "margin", "relative").fault(
                "of a metric of which more is better tolerates the loss of all of it",
                allowed="below 1: 0.02 is two percent; or an absolute margin",
            )


def _segment_references(items: Items, experiment: Item) -> Iterator[Fault]:
    wanted, segments = experiment.data.get("exposures"), experiment.data.get("segments")
    source = exposure_source(items, wanted)
    if source is None or not isinstance(segments, list):
        return
    for index, name in enumerate(segments):
        known = known_attributes(items, source)
        yield from _attribute(source, name, experiment.place.inside("segments").inside(index), known)


def _attribute(source: ExposureSource, name: Any, place: Place, known: tuple[str, ...]) -> Iterator[Fault]:
    if isinstance(name, str) and name not in known:
        yield place.fault(
            f"is no attribute of the exposure source {source.name!r}{near_miss(name, known)}",
            allowed=", ".join(known) or "none: the source declares no attributes",
        )


def _assignment_references(items: Items, experiment: Item) -> Iterator[Fault]:
    """The attribute that was hashed, and the source that lists forced units."""
    given, wanted = experiment.data.get("assignment"), experiment.data.get("exposures")
    if not isinstance(given, Mapping):
        return
    place = experiment.place.inside("assignment")
    source = exposure_source(items, wanted)
    if source is not None and "unit" in given:
        yield from _attribute(source, given["unit"], place.inside("unit"), tuple(source.attributes))
    forced = given.get("overrides")
    if isinstance(forced, Mapping) and set(forced) == {"source"}:
        yield from reference(items, place.inside("overrides"), forced, "source", kind="exposures")


def _complete_windows(items: Items, experiment: Item) -> Iterator[Fault]:
    """Sequential methods refuse metrics that count units whose window is still open."""
    model = experiment.reading("analysis", "metrics")
    if model is None or not model.analysis.sequential:
        return
    method = model.analysis.method
    metrics = items.of("metrics")
    by_policy = {item.name: item.reading("window_policy") for item in metrics}
    by_window = {item.name: item.reading("window", "numerator", "denominator") for item in metrics}
    all_units = {name for name, known in by_policy.items() if known and known.window_policy == "all"}
    open_ended = {
        name for name, known in by_window.items() if known and any(w.closes is None for w in known.windows)
    }
    for role, names in model.metrics.by_role:
        for index, name in enumerate(names):
            place = experiment.place.inside("metrics").inside(role).inside(index)
            place = place.inside("metric") if role == "guardrails" else place
            if name in all_units:
                yield place.fault(
                    f"the metric has window_policy: all, with which method {method} errs more often than alpha",
                    allowed="a metric with window_policy: complete, or without one",
                )
            if name in open_ended:
                yield place.fault(
                    f"the metric's window stays open, and method {method} needs values that are settled",
                    allowed="a metric whose window ends",
                )


def _shared_sources(items: Items) -> Iterator[Fault]:
    exclusive = {
        item.name
        for item in items.of("exposures")
        if (model := item.reading("columns")) is not None and model.columns.experiment is None
    }
    first: dict[str, Item] = {}
    for experiment in items.of("experiments"):
        wanted = experiment.data.get("exposures")
        if not isinstance(wanted, str) or wanted not in exclusive:
            continue
        if wanted in first:
            yield experiment.place.inside("exposures").fault(
                f"{first[wanted].name!r} uses this source too, and it maps no experiment column",
                allowed="map columns.experiment in the source, or a source for each experiment",
            )
        first.setdefault(wanted, experiment)
