"""What can be told of an exposure source only beside the dimensions that it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from abspark.config.faults import near_miss
from abspark.config.items import Item, Items
from abspark.config.references import reference
from abspark.config.source import DimensionSource, ExposureSource
from abspark.errors import Fault

_ATTRIBUTES: Final = ("name", "attributes", "dimensions", "combinations")
"""Fields of an exposure source from which its attributes follow."""


def exposure_source(items: Items, name: Any) -> ExposureSource | None:
    """The exposure source of a name, to read its attributes; None where there is none, or they are not known."""
    return next((_with_attributes(items, item) for item in items.of("exposures") if item.name == name), None)


def known_attributes(items: Items, source: ExposureSource) -> tuple[str, ...]:
    """The attributes of the source's units: its own, those of its valid dimensions, its combinations."""
    joined = [name for dimension in _dimensions(items, source) for name in dimension.attributes]
    return (*source.attributes, *joined, *source.combinations)


def dimension_faults(items: Items, item: Item) -> Iterator[Fault]:
    """Dimensions that are not there, names that two of them give, and combinations of what is no attribute."""
    listed = item.data.get("dimensions")
    for index in range(len(listed) if isinstance(listed, list) else 0):
        yield from reference(items, item.place.inside("dimensions"), listed, index, kind="dimensions")
    source = _with_attributes(items, item)
    if source is None:
        return
    names = known_attributes(items, source)
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield item.place.fault(f"gives units two attributes named {name!r}", show_value=False)
    plain = tuple(name for name in names if name not in source.combinations)
    for name, parts in source.combinations.items():
        for part in (part for part in parts if part not in plain):
            yield item.place.at("combinations", name).fault(
                f"{part!r} is no attribute{near_miss(part, plain)}",
                allowed=", ".join(plain) or "none is declared",
            )


def _with_attributes(items: Items, item: Item) -> Any:
    """The source for a check of its attributes; None where they are at fault, or in a file that can't be read."""
    source = item.reading(*_ATTRIBUTES)
    return None if source is not None and source.dimensions and "dimensions" in items.unread else source


def _dimensions(items: Items, source: ExposureSource) -> list[DimensionSource]:
    models = {item.name: item.reading("attributes") for item in items.of("dimensions")}
    return [model for name in source.dimensions if (model := models.get(name)) is not None]
