"""Simulated logs on disk, with their truth and a project that analyses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Literal

from pyspark.sql import DataFrame, SparkSession

from abspark.errors import UsageError
from abspark.simulate import truth
from abspark.simulate.event_log import events
from abspark.simulate.exposure_log import exposures
from abspark.simulate.parameters import Simulation
from abspark.simulate.project import EVENTS_PATH, EXPOSURES_PATH, write_project

LogFormat = Literal["delta", "parquet", "csv"]

_OPTIONS: Final[dict[LogFormat, dict[str, str]]] = {
    "delta": {"compression": "zstd"},
    "parquet": {"compression": "zstd"},
    "csv": {"header": "true", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "timeZone": "UTC"},
}


def write(
    spark: SparkSession,
    sim: Simulation,
    out: Path,
    *,
    format: LogFormat,  # noqa: A002 - the word that Spark and the sources use
) -> Path:
    """Write logs (`out`/raw), `out`/truth.json and a project (`out`/conf) that runs as it is; returns `out`.

    Times in CSV carry the offset Z. Files follow each other in time, about a million rows each.

    Raises:
        UsageError: An unknown format, or `out` holds a simulation already.
    """
    if format not in _OPTIONS:
        raise UsageError(f"simulation: format = {format}", allowed=", ".join(_OPTIONS))
    out = Path(out).resolve()
    for name in ("raw", "conf", "truth.json"):
        if (out / name).exists():
            raise UsageError(f"{out / name} exists", advice="choose another folder, or remove this one first")
    for path, log in ((EXPOSURES_PATH, exposures(spark, sim)), (EVENTS_PATH, events(spark, sim))):
        _write_log(log, out / path, format)
    write_project(sim, out, log_format=format)
    known = {**truth.stated(sim), "injected": truth.injected(spark, sim)}
    (out / "truth.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return out


def _write_log(log: DataFrame, path: Path, log_format: LogFormat) -> None:
    log.write.format(log_format).options(**_OPTIONS[log_format]).mode("errorifexists").save(str(path))
