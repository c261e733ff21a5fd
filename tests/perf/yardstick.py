"""abspark's whole run beside DuckDB's moments, and beside a query per metric and experiment on the same Spark."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.perf.duck import FORMULATIONS
from tests.perf.measures import Measure, measure, one_run, told
from tests.perf.projects import END, HORIZON, START, Size, project, simulated

_FEWER: Final = 25
COLUMNS: Final = (
    ("conversion", "mean_num"), ("purchases", "mean_num"), ("purchases", "var_num"), ("revenue", "mean_num"),
    ("revenue", "var_num"), ("page_views", "mean_num"), ("page_views", "var_num"), ("sessions", "mean_num"),
    ("sessions", "var_num"), ("click_rate", "mean_num"), ("click_rate", "var_num"), ("click_rate", "cov_num_den"),
)  # fmt: skip
"""Which of our moments DuckDB's columns are, after experiment, variant and n."""


def beside_duckdb(logs: Path, size: Size, rounds: int) -> list[Measure]:
    """Wall and processor time of a whole run, raw logs to committed results, against SQL's best formulation.

    The two quicker ones leave out events before the start before they look for copies, and so does abspark, as told by
    `copies_within`. `once` looks among all events; the same run of abspark is beside that. A run on the same logs
    in Delta is beside DuckDB's on Parquet. Both are measured once.
    """
    conf = project(logs, "yardstick")
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    once: list[dict[str, Any]] = []
    for _ in range(rounds):
        ours.append(one_run(conf))
        costs = {name: duck(logs, name) for name in FORMULATIONS}
        theirs.append(min(costs.values(), key=lambda cost: float(cost["wall_s"])))
        once.append(costs["once"])
    require_equal(conf, theirs[0]["rows"])
    copies = project(logs, "copies", copies_within=None)
    anywhere = one_run(copies)
    require_equal(copies, once[0]["rows"])
    lake = project(simulated(size, logs.with_name("delta"), log_format="delta"), "yardstick")
    delta = one_run(lake)
    require_equal(lake, theirs[0]["rows"])
    what = f"{5 * size.assignments:,} exposures, {50 * size.units:,} events"
    wall, cpu = _median(ours, "wall_s"), _median(ours, "cpu_s")
    started = median(cost["wall_s"] + cost["start_s"] for cost in ours)
    duck_wall, duck_cpu = _median(theirs, "wall_s"), _median(theirs, "cpu_s")
    return [
        measure(f"run / DuckDB, {what} (parquet)", wall, duck_wall, unit="s", limit=1.0),
        measure("  processor time", cpu, duck_cpu, unit="CPU-s", limit=1.3),
        measure("  with the start of Java", started, duck_wall, unit="s"),
        measure("  peak resident memory", _median(ours, "peak_gib"), _median(theirs, "peak_gib"), unit="GiB"),
        measure(
            "run / DuckDB, copies at any distance", anywhere["wall_s"], _median(once, "wall_s"), unit="s"
        ),
        measure("  processor time of that", anywhere["cpu_s"], _median(once, "cpu_s"), unit="CPU-s"),
        measure("run on logs in Delta / DuckDB on Parquet", delta["wall_s"], duck_wall, unit="s"),
        measure("  processor time of that run", delta["cpu_s"], duck_cpu, unit="CPU-s"),
    ]


def beside_queries(logs: Path, size: Size) -> list[Measure]:
    """Processor time of the whole run against a query for each metric and experiment.

    One experiment's six queries are run, or as many as show that those of all experiments exceed the limit by far; what
    they took counts for each experiment, so that the ratio is at most what is told.
    """
    ours = one_run(project(logs, "queries"))
    enough = 2 * _FEWER * ours["cpu_s"] / size.experiments
    theirs = told("naive", str(logs / "raw"), START, END, HORIZON, "exp_0", str(enough))
    every = theirs["cpu_s"] * size.experiments
    what = f"{theirs['queries'] * size.experiments} queries on the same Spark, processor time, at most"
    return [measure(f"run / {what}", ours["cpu_s"], every, unit="CPU-s", limit=1 / _FEWER)]


def duck(logs: Path, formulation: str) -> dict[str, Any]:
    """What one formulation costs; see tests/perf/duck.py."""
    cost: dict[str, Any] = told("duck", str(logs / "raw"), formulation, START, END, HORIZON)
    sys.stderr.write(f"duckdb {formulation}: {cost['wall_s']:.1f} s, {cost['cpu_s']:.1f} CPU-s\n")
    return cost


def _median(costs: list[dict[str, Any]], key: str) -> float:
    return float(median(cost[key] for cost in costs))


def require_equal(conf: Path, expected: list[list[Any]]) -> None:
    """Our moments and DuckDB's agree to a relative 1e-9, and neither has a group more.

    Raises:
        SystemExit: They do not.
    """
    rows = {(r["experiment_id"], r["variant"], r["metric"]): r for r in told("read_moments", str(conf))}
    for experiment, variant, n, *numbers in expected:
        found = [rows[experiment, variant, metric][column] for metric, column in COLUMNS]
        agree = [math.isclose(a, b, rel_tol=1e-9) for a, b in zip(found, numbers, strict=True)]
        if not all(agree) or rows[experiment, variant, "conversion"]["n"] != n:
            sys.exit(f"{experiment}, {variant}: moments differ from DuckDB's: {json.dumps([found, numbers])}")
    if len(rows) != 6 * len(expected):
        sys.exit(f"{len(rows)} rows of moments, {6 * len(expected)} expected")
