"""JSON Schemas of the four kinds of configuration files, so that editors complete and check them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from abspark.config.base import ConfigModel
from abspark.config.environment import Environment
from abspark.config.experiment import Experiment
from abspark.config.metric import Metric
from abspark.config.source import DimensionSource, EventSource, ExposureSource

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class SourcesFile(ConfigModel):
    """conf/sources/*.yaml: where the raw logs lie."""

    exposures: tuple[ExposureSource, ...] = ()
    events: tuple[EventSource, ...] = ()
    dimensions: tuple[DimensionSource, ...] = ()


class MetricsFile(ConfigModel):
    """conf/metrics/*.yaml: what is measured per unit."""

    metrics: tuple[Metric, ...]


class ExperimentsFile(ConfigModel):
    """conf/experiments/*.yaml with several experiments; a file may also be one experiment."""

    experiments: tuple[Experiment, ...]


def _environment_schema() -> dict[str, Any]:
    schema = Environment.model_json_schema()
    del schema["properties"]["name"]
    schema["required"] = [key for key in schema["required"] if key != "name"]
    return schema


def _metrics_schema() -> dict[str, Any]:
    schema = MetricsFile.model_json_schema()
    metric = schema["$defs"]["Metric"]
    stated = metric.pop("required")
    metric["anyOf"] = [{"required": stated}, {"required": ["name", "extends"]}]
    return schema


_SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "sources": SourcesFile.model_json_schema,
    "metrics": _metrics_schema,
    "experiments": lambda: TypeAdapter(Experiment | ExperimentsFile).json_schema(),
    "environments": _environment_schema,
}


def write_schemas(out: Path) -> tuple[Path, ...]:
    """Write `FOLDER.schema.json` for each folder of conf into `out`, which is created; return the files."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for folder, schema in _SCHEMAS.items():
        path = out / f"{folder}.schema.json"
        content = {"$schema": DIALECT, **schema()}
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return tuple(written)
