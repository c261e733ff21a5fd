"""The definitions in the files, each with its place and, where valid, its model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from abspark.config.base import ConfigModel
from abspark.config.experiment import Experiment
from abspark.config.faults import Place, faults_of, unknown_key
from abspark.config.files import ConfigFile
from abspark.config.inheritance import extended
from abspark.config.metric import Metric
from abspark.config.partial import broken_fields, errors_of, valid_values
from abspark.config.source import DimensionSource, EventSource, ExposureSource
from abspark.errors import Fault

LISTS: Final[Mapping[str, Mapping[str, type[ConfigModel]]]] = {
    "sources": {"exposures": ExposureSource, "events": EventSource, "dimensions": DimensionSource},
    "metrics": {"metrics": Metric},
    "experiments": {"experiments": Experiment},
}
"""Folder: top key of its files: what the list under it holds."""


@dataclass(frozen=True)
class Item:
    """One definition. `name` is None where it has no usable name, `model` where it is not valid.

    `part` is what is valid of it, and lacks the fields in `broken`.
    """

    place: Place
    data: Mapping[str, Any]
    name: str | None
    model: Any
    part: Any = None
    broken: frozenset[str] = frozenset()

    def reading(self, *fields: str) -> Any:
        """The definition for a check that reads these fields alone; None where one of them is at fault."""
        if self.model is not None:
            return self.model
        return None if self.part is None or self.broken & set(fields) else self.part


@dataclass
class Items:
    """All definitions by top key, in the order of files and lines."""

    by_kind: dict[str, list[Item]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    """Top keys of which a file may define more, were it not at fault."""
    _written: list[tuple[Place, Mapping[str, Any], ConfigFile]] = field(default_factory=list)

    def of(self, kind: str) -> list[Item]:
        """The definitions under the top key `kind`."""
        return self.by_kind.setdefault(kind, [])

    def names(self, kind: str) -> list[str]:
        """The names under `kind`, valid or not: a reference to a faulty definition is no second fault."""
        return [item.name for item in self.of(kind) if item.name is not None]

    @property
    def written_metrics(self) -> list[tuple[Place, Mapping[str, Any]]]:
        """The metrics as they are written, before any inherits a key."""
        return [(place, data) for place, data, _ in self._written]

    def add(self, file: ConfigFile, folder: str) -> None:
        """Take in the definitions of a file."""
        if file.data is None or not isinstance(file.data, Mapping):
            self.unread.update(LISTS[folder])
        if file.data is None:
            if not file.faults:
                self.faults.append(file.place.fault("the file is empty", show_value=False))
            return
        for kind, model, place, data in self._definitions(file, folder):
            if not isinstance(data, Mapping):
                self.faults.append(place.fault("must be a mapping of key: value"))
            elif kind == "metrics":
                self._written.append((place, data, file))
            else:
                self.of(kind).append(self._item(kind, model, data, place, file))

    def extend_metrics(self) -> None:
        """Make the metrics, once all files are in: each takes what it doesn't state from the one that it extends."""
        for (place, _, file), (data, faults) in zip(
            self._written, extended(self.written_metrics), strict=True
        ):
            # of a file that can't be read the metric may be that is extended
            self.faults.extend(() if "metrics" in self.unread else faults)
            self.of("metrics").append(
                Item(place, data, _name(data, "metrics"), None)
                if faults
                else self._item("metrics", Metric, data, place, file)
            )

    def _definitions(
        self, file: ConfigFile, folder: str
    ) -> Iterator[tuple[str, type[ConfigModel], Place, Any]]:
        lists = LISTS[folder]
        if folder == "experiments" and not (isinstance(file.data, Mapping) and "experiments" in file.data):
            yield "experiments", Experiment, file.place, file.data
            return
        if not isinstance(file.data, Mapping) or not file.data:
            allowed = " and ".join(lists)
            self.faults.append(file.place.fault("must be a mapping", allowed=allowed, show_value=False))
            return
        for key, data in file.data.items():
            place = file.place.inside(key)
            if key not in lists:
                self.unread.update(lists)
                self.faults.append(unknown_key(place, tuple(lists)))
            elif not isinstance(data, list):
                self.unread.add(key)
                self.faults.append(place.fault("must be a list"))
            else:
                yield from ((key, lists[key], place.inside(i), entry) for i, entry in enumerate(data))

    def _item(
        self, kind: str, model: type[ConfigModel], data: Mapping[str, Any], place: Place, file: ConfigFile
    ) -> Item:
        name = _name(data, kind)
        try:
            return Item(place, data, name, model.model_validate(data))
        except ValidationError as error:
            self.faults.extend(without_unset(faults_of(model, error, data, place), file))
            errors = errors_of(error.errors(include_url=False))
            broken = frozenset(broken_fields(model, errors))
            part = model.model_construct(**valid_values(model, data, errors))
            return Item(place, data, name, None, part, broken)


def _name(data: Mapping[str, Any], kind: str) -> str | None:
    name = data.get("id" if kind == "experiments" else "name")
    return name if isinstance(name, str) else None


def validated(
    model: type[ConfigModel], data: Any, place: Place
) -> tuple[ConfigModel | None, tuple[Fault, ...]]:
    """The model of `data` (None where it has faults) and its faults."""
    try:
        return model.model_validate(data), ()
    except ValidationError as error:
        return None, tuple(faults_of(model, error, data, place))


def without_unset(faults: Iterable[Fault], file: ConfigFile) -> Iterator[Fault]:
    """Leave out faults of values whose variables are unset: those are reported already."""
    unset = {(place.file, place.key) for place in file.unset}
    return (fault for fault in faults if (fault.file, fault.key) not in unset)
