"""What re-deriving every assignment adds to the yardstick's run: the same logs under none, sha256 and growthbook v2.

Each run has a session of its own; the schemes take turns, and the medians count. Recorded variants are those of sha256:
under growthbook half of the units mismatch, so that the run also groups the mismatches for their diagnosis, which costs
rather more than in a sound experiment.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from abspark.config.environment import Lake
from abspark.simulate.parameters import SALT
from abspark.storage.lake_reader import open_reader
from tests.perf.measures import Measure, measure, one_run
from tests.perf.projects import project

ROUNDS: Final = 2
WITHOUT: Final = "none"
RECORDED: Final = "sha256"
SCHEMES: Final[dict[str, dict[str, Any]]] = {
    WITHOUT: {"scheme": "none"},
    RECORDED: {"scheme": "sha256", "salt": SALT},
    "growthbook": {"scheme": "growthbook", "version": 2, "sdk": "javascript", "seed": "s"},
}
LIMITS: Final = {RECORDED: 1.10, "growthbook": 1.30}
COSTS: Final = {"wall_s": "s", "cpu_s": "CPU-s"}


def derivation(logs: Path, rounds: int = ROUNDS) -> list[Measure]:
    """Seconds and processor seconds of a run that derives, against the run that derives nothing."""
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMES}
    for _ in range(rounds):
        for name, scheme in SCHEMES.items():
            taken[name].append(_cost(project(logs, f"derive-{name}", scheme=scheme), name))
    typical = {
        (name, cost): float(median(run[cost] for run in runs))
        for name, runs in taken.items()
        for cost in COSTS
    }
    return [
        measure(
            f"run that derives by {name} / none",
            typical[name, cost],
            typical[WITHOUT, cost],
            unit=unit,
            limit=limit,
        )
        for name, limit in LIMITS.items()
        for cost, unit in COSTS.items()
    ]


def _cost(conf: Path, name: str) -> dict[str, Any]:
    cost = one_run(conf)
    _require_derived(conf.parent / f"lake-derive-{name}", name)
    sys.stderr.write(f"{name}: {cost['wall_s']:.1f} s, {cost['cpu_s']:.1f} CPU-s\n")
    return cost


def _require_derived(lake: Path, name: str) -> None:
    """Check that the run did what is measured: under `none` nothing is derived, under `sha256` all as recorded."""
    expected = {WITHOUT: "skipped", RECORDED: "pass"}.get(name, "fail")
    reader = open_reader(Lake(path=str(lake)))
    if reader is None:
        raise RuntimeError(f"{lake} can't be read without Spark")
    current = [row["run_id"] for row in reader.commits()]
    told = [row for row in reader.rows("health", current) if row["check"] == "hash"]
    if not told or any(row["status"] != expected for row in told):
        raise RuntimeError(f"{name}: the check hash is not {expected}: {told[:1]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, help="a folder that `projects.simulated` has filled")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    sys.stdout.write(json.dumps(derivation(asked.logs, asked.rounds), indent=1) + "\n")
