"""What re-deriving every assignment adds to a run: the same logs under scheme none, sha256 and growthbook version 2.

Whole runs, with a metric, over a log of one exposure for each assignment and hardly more events than units: the more a
run has to do besides, the less deriving adds to it, so this overstates it. All in one session, which runs over a
tenth of the log warm up without being counted. The schemes take turns; the medians of seconds and of processor seconds
count. Recorded variants are those of sha256: under growthbook half of the units mismatch, so that the run also groups
the mismatches for their diagnosis, which costs rather more than in a sound experiment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import yaml
from pyspark.sql import SparkSession

from abspark import load_project, rows, run
from abspark.command_common import local_session
from abspark.config import Project
from abspark.config.values import parse_instant
from abspark.simulate import Simulation, write
from abspark.simulate.parameters import SALT
from tests.perf.measures import Measure, measure
from tests.perf.timed_run import cpu_seconds

ASSIGNMENTS: Final = 4_000_000
EXPERIMENTS: Final = 8
SHARE: Final = 0.5
EVENTS: Final = 1.0
ROUNDS: Final = 3
WARMING: Final = 10
AS_OF: Final = parse_instant("2025-06-01T00:00:00Z")
WITHOUT: Final = "none"
RECORDED: Final = "sha256"
SCHEMES: Final[dict[str, dict[str, Any]]] = {
    WITHOUT: {"scheme": "none"},
    RECORDED: {"scheme": "sha256", "salt": SALT},
    "growthbook v2": {"scheme": "growthbook", "version": 2, "sdk": "javascript", "seed": "s"},
}
LIMITS: Final = {RECORDED: 1.10, "growthbook v2": 1.30}


class Cost(NamedTuple):
    """Of one run, in seconds."""

    wall: float
    cpu: float


def derivation(assignments: int = ASSIGNMENTS, rounds: int = ROUNDS) -> list[Measure]:
    """Seconds of a run that derives about as many assignments, against the run that derives none."""
    with TemporaryDirectory(prefix="abspark-bench-") as folder, local_session() as spark:
        small, full = (
            _written(spark, Path(folder) / str(size), size) for size in (assignments // WARMING, assignments)
        )
        for name in SCHEMES:
            _cost(spark, small, name)
        taken: dict[str, list[Cost]] = {name: [] for name in SCHEMES}
        for _ in range(rounds):
            for name, costs in taken.items():
                costs.append(_cost(spark, full, name))
    typical = {name: Cost(*map(median, zip(*costs, strict=True))) for name, costs in taken.items()}
    return [found for name in LIMITS for found in _compared(name, assignments, typical)]


def _written(spark: SparkSession, out: Path, assignments: int) -> Path:
    units = round(assignments / EXPERIMENTS / SHARE)
    simulation = Simulation(
        units=units, experiments=EXPERIMENTS, share=SHARE, exposures_per_unit=1.0, events_per_unit=EVENTS
    )
    write(spark, simulation.clean(), out, format="parquet")
    return out


def _compared(name: str, assignments: int, typical: dict[str, Cost]) -> list[Measure]:
    ours, theirs, what = (
        typical[name],
        typical[WITHOUT],
        f"run that derives {assignments:,} assignments by {name}",
    )
    return [
        measure(what, ours.wall, theirs.wall, unit="s", limit=LIMITS[name]),
        measure(f"{what}, processor", ours.cpu, theirs.cpu, unit="s", limit=LIMITS[name]),
    ]


def _cost(spark: SparkSession, out: Path, name: str) -> Cost:
    for path in (out / "conf" / "experiments").iterdir():
        given = yaml.safe_load(path.read_text(encoding="utf-8")) | {"assignment": SCHEMES[name]}
        path.write_text(yaml.safe_dump(given, sort_keys=False, allow_unicode=True), encoding="utf-8")
    project = load_project(out / "conf", "local")
    cpu, started = cpu_seconds(), time.monotonic()
    run(spark, project, as_of=AS_OF)
    cost = Cost(time.monotonic() - started, cpu_seconds() - cpu)
    _require_derived(spark, project, name)
    sys.stderr.write(f"{name}: {cost.wall:.1f} s, processor {cost.cpu:.1f} s\n")
    return cost


def _require_derived(spark: SparkSession, project: Project, name: str) -> None:
    """Check that the run did what is measured: under `none` nothing is derived, under `sha256` all as recorded."""
    expected = {WITHOUT: "skipped", RECORDED: "pass"}.get(name, "fail")
    told = [row for row in rows(spark, project, "health") if row["check"] == "hash"]
    if [row["status"] for row in told] != [expected] * EXPERIMENTS:
        raise RuntimeError(f"{name}: the check hash is not {expected}: {told[0]['message']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assignments", type=int, default=ASSIGNMENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    sys.stdout.write(json.dumps(derivation(asked.assignments, asked.rounds), indent=1) + "\n")
