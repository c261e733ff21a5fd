"""What re-deriving every assignment adds to a run: the same logs under scheme none, sha256 and growthbook version 2.

Whole runs in one session, which the first run warms up without being counted. The schemes take turns, and of each the
fastest run counts. Recorded variants are those of sha256; that growthbook then disagrees costs nothing, since both
attributes of the simulated logs are segments anyway.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml
from pyspark.sql import SparkSession

from abspark import load_project, run
from abspark.command_common import local_session
from abspark.config.values import parse_instant
from abspark.simulate import Simulation, write

ASSIGNMENTS: Final = 4_000_000
EXPERIMENTS: Final = 8
SHARE: Final = 0.5
ROUNDS: Final = 2
AS_OF: Final = parse_instant("2025-06-01T00:00:00Z")
WITHOUT: Final = "none"
SCHEMES: Final[dict[str, dict[str, Any]]] = {
    WITHOUT: {"scheme": "none"},
    "sha256": {"scheme": "sha256", "salt": "s"},
    "growthbook v2": {"scheme": "growthbook", "version": 2, "sdk": "javascript", "seed": "s"},
}
LIMITS: Final = {"sha256": 1.10, "growthbook v2": 1.30}
Measure = dict[str, Any]


def derivation(assignments: int = ASSIGNMENTS) -> list[Measure]:
    """Seconds of a run that derives about as many assignments, against the run that derives none."""
    units = round(assignments / EXPERIMENTS / SHARE)
    simulation = Simulation(units=units, experiments=EXPERIMENTS, share=SHARE).clean()
    with TemporaryDirectory(prefix="abspark-bench-") as folder, local_session() as spark:
        out = Path(folder)
        write(spark, simulation, out, format="parquet")
        _seconds(spark, out, WITHOUT)
        taken: dict[str, list[float]] = {name: [] for name in SCHEMES}
        for _ in range(ROUNDS):
            for name, seconds in taken.items():
                seconds.append(_seconds(spark, out, name))
    best = {name: min(seconds) for name, seconds in taken.items()}
    return [
        {
            "name": f"run that derives {assignments:,} assignments by {name}",
            "ratio": best[name] / best[WITHOUT],
            "limit": limit,
            "ours": best[name],
            "theirs": best[WITHOUT],
            "unit": "s",
        }
        for name, limit in LIMITS.items()
    ]


def _seconds(spark: SparkSession, out: Path, name: str) -> float:
    for path in (out / "conf" / "experiments").iterdir():
        given = yaml.safe_load(path.read_text(encoding="utf-8")) | {"assignment": SCHEMES[name]}
        path.write_text(yaml.safe_dump(given, sort_keys=False, allow_unicode=True), encoding="utf-8")
    project = load_project(out / "conf", "local")
    started = time.monotonic()
    run(spark, project, as_of=AS_OF)
    return time.monotonic() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assignments", type=int, default=ASSIGNMENTS)
    sys.stdout.write(json.dumps(derivation(parser.parse_args().assignments), indent=1) + "\n")
