"""The whole configuration, read and checked."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from abspark.config.assignment import NotDerivable
from abspark.config.environment import Environment
from abspark.config.experiment import Experiment
from abspark.config.metric import Metric
from abspark.config.source import DimensionSource, EventSource, ExposureSource, Source
from abspark.errors import UsageError


@dataclass(frozen=True)
class Project:
    """Everything by name; relative paths are resolved against `root`, which contains the conf directory.

    `environment` is None where the project was loaded for none.
    """

    root: Path
    exposures: dict[str, ExposureSource]
    events: dict[str, EventSource]
    metrics: dict[str, Metric]
    experiments: dict[str, Experiment]
    environment: Environment | None = None
    dimensions: dict[str, DimensionSource] = field(default_factory=dict)

    def attributes_of(self, exposures: str) -> tuple[str, ...]:
        """The attributes of an exposure source's units, in order: its own, its dimensions', its combinations."""
        source = self.exposures[exposures]
        joined = [name for dimension in source.dimensions for name in self.dimensions[dimension].attributes]
        return (*source.attributes, *joined, *source.combinations)

    def configuration_hash(self, experiment_ids: Iterable[str]) -> str:
        """SHA-256 (hex) over the experiments with their metrics and sources, defaults filled in.

        It depends neither on files, comments, the order of definitions and of `experiment_ids`, nor on where
        the project lies; it does depend on the order of variants, attributes and metrics of a role.

        Raises:
            UsageError: an id is no experiment of the project.
        """
        chosen = sorted(set(experiment_ids))
        if unknown := [name for name in chosen if name not in self.experiments]:
            known = ", ".join(sorted(self.experiments))
            raise UsageError(f"no experiment {', '.join(map(repr, unknown))}", allowed=known)
        experiments = [self.experiments[name] for name in chosen]
        used = {name for experiment in experiments for name in experiment.metrics.names}
        metrics = sorted({*used, *(self.covariate_metric(name) for name in used)})
        events = sorted({source for name in metrics for source in self.metrics[name].sources})
        read = {experiment.exposures for experiment in experiments}
        exposures = sorted({*read, *(name for e in experiments if (name := _listing(e)) is not None)})
        dimensions = sorted({name for source in read for name in self.exposures[source].dimensions})
        content = {
            "experiments": [_plain(experiment) for experiment in experiments],
            "metrics": [_plain(self.metrics[name]) for name in metrics],
            "events": [self._source(self.events[name]) for name in events],
            "exposures": [self._source(self.exposures[name]) for name in exposures],
            "dimensions": [self._source(self.dimensions[name]) for name in dimensions],
            **self._pseudonyms(),
        }
        text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def pseudonym_key(self) -> str | None:
        """The secret under which units are known in the lake; None where they are known by their ids."""
        key = None if self.environment is None else self.environment.pseudonym_key
        return None if key is None else key.get_secret_value()

    def _pseudonyms(self) -> dict[str, Any]:
        """What tells two secrets apart and gives neither away; nothing without one.

        Stages of one run under two secrets would find no unit of each other's.
        """
        if self.pseudonym_key is None:
            return {}
        told_apart = hmac.digest(self.pseudonym_key.encode(), b"abspark configuration", "sha256")
        return {"pseudonym_key": told_apart.hex()}

    def covariate_metric(self, name: str) -> str:
        """The metric whose value before exposure is the covariate of metric `name`: often itself."""
        covariate = self.metrics[name].covariate
        return name if covariate is None or covariate.metric is None else covariate.metric

    def _source(self, source: Source) -> dict[str, Any]:
        plain = _plain(source)
        if source.path and Path(source.path).is_relative_to(self.root):
            plain["path"] = Path(source.path).relative_to(self.root).as_posix()
        if not isinstance(source, EventSource):
            plain["attributes"] = list(source.attributes.items())
        if isinstance(source, ExposureSource):
            plain["combinations"] = list(source.combinations.items())
        return plain


def _listing(experiment: Experiment) -> str | None:
    """The source of the experiment's forced units, if they come from one."""
    assignment = experiment.assignment
    return None if isinstance(assignment, NotDerivable) else assignment.overrides_source


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True)
