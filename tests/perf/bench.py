"""Measure abspark beside what people would pick instead: `make bench`, or `make bench ARGS="--small --only duckdb"`.

Prints a table and writes build/bench.json, a list of {name, ratio, limit, ours, theirs, unit}; ratio is ours / theirs
and should not exceed limit (absolute budgets have the budget as theirs; a limit of null only reports). Ends with an
error where a ratio is a quarter worse than tests/perf/baseline.json has it. `--small` takes a twentieth of the rows.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.perf.bench_derive import derivation as derived
from tests.perf.growth import growth
from tests.perf.measures import AS_OF, ROOT, Measure, abspark, measure, one_run, told
from tests.perf.projects import FULL, SMALL, Size, project, simulated
from tests.perf.yardstick import beside_duckdb, beside_queries

BASELINE: Final = Path(__file__).with_name("baseline.json")
WORSE: Final = 1.25
FEW: Final = Size(20_000)
Section = Callable[[Path, Size], list[Measure]]


def duckdb(folder: Path, size: Size) -> list[Measure]:
    """A whole run against DuckDB's moments, medians of three rounds, and against a query per metric and experiment."""
    logs = _logs(folder, size)
    return [*beside_duckdb(logs, size, rounds=3), *beside_queries(logs, size)]


def memory(folder: Path, size: Size) -> list[Measure]:
    """The same run with a heap of 2 GiB; and what a run over few rows takes for ten thousand groups of results more."""
    logs = _logs(folder, size)
    roomy = one_run(project(logs, "roomy"))
    tight = one_run(project(logs, "tight", conf={"spark.driver.memory": "2g"}))
    few = simulated(FEW, folder / "few")
    plain = one_run(project(few, "plain"))
    wide = project(few, "groups", metrics=60, segments=3)
    groups = one_run(wide)
    results = len(told("read_results", str(wide)))
    added = 1024 * (groups["peak_gib"] - plain["peak_gib"])
    return [
        measure("the same run with a heap of 2 GiB", tight["wall_s"], roomy["wall_s"], unit="s", limit=2.0),
        measure("  its peak resident memory", tight["peak_gib"], roomy["peak_gib"], unit="GiB"),
        measure(f"{results:,} rows of results, memory they add", added, 500.0, unit="MiB", limit=1.0),
    ]


def _logs(folder: Path, size: Size) -> Path:
    logs = folder / "logs"
    return logs if logs.is_dir() else simulated(size, logs)


def million(folder: Path, _: Size) -> list[Measure]:
    """A million events and 100,000 exposures, two experiments, segments and days: cold, and again in one session."""
    out = folder / "million"
    abspark(
        "simulate", "--out", str(out), "--units", "50000", "--experiments", "2", "--exposures-per-unit", "2",
        "--share", "0.5", "--clean",
    )  # fmt: skip
    first, second = told("timed_run", str(out / "conf"), "--as-of", AS_OF, "--runs", "2")
    cold = first["start_s"] + first["wall_s"]
    return [
        measure("a million events, cold start", cold, 30.0, unit="s", limit=1.0),
        measure("a million events, second run in a session", second["wall_s"], 10.0, unit="s", limit=1.0),
        measure("peak resident memory, Python and JVM", second["peak_gib"], 3.0, unit="GiB", limit=1.0),
    ]


def commands(folder: Path, _: Size) -> list[Measure]:
    """Commands that start no Java."""
    abspark("init", str(folder / "starter"))
    conf = str(folder / "starter/conf")
    asked = {"--help": ["--help"], "validate": ["validate", "--conf", conf]}
    return [
        measure(f"abspark {name}", _median_seconds(arguments), 0.7, unit="s", limit=1.0)
        for name, arguments in asked.items()
    ]


def _median_seconds(arguments: list[str]) -> float:
    times = []
    for _ in range(5):
        started = time.monotonic()
        abspark(*arguments)
        times.append(time.monotonic() - started)
    return sorted(times)[2]


def statistics(_: Path, __: Size) -> list[Measure]:
    """What tests/perf/bench_stats.py measures, turned so that smaller is better."""
    return [m | {"ratio": 1 / m["ratio"], "limit": 1 / m["limit"]} for m in told("bench_stats")]


def derivation(folder: Path, size: Size) -> list[Measure]:
    """What re-deriving every assignment adds; see tests/perf/bench_derive.py."""
    return derived(_logs(folder, size))


def planning(_: Path, __: Size) -> list[Measure]:
    """How long many metrics in many experiments take to plan; see tests/perf/bench_plans.py."""
    found: list[Measure] = told("bench_plans")
    return found


def pages(_: Path, __: Size) -> list[Measure]:
    """How long a large page takes to be made and to open; see tests/perf/bench_pages.py."""
    found: list[Measure] = told("bench_pages")
    return found


SECTIONS: Final[dict[str, Section]] = {
    "statistics": statistics, "commands": commands, "million": million, "duckdb": duckdb, "memory": memory,
    "growth": growth, "derivation": derivation, "planning": planning, "pages": pages,
}  # fmt: skip


def main() -> None:
    """Measure, print a table, write the file, and fail where a ratio is worse than the baseline allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a twentieth of the rows")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="these sections")
    asked = parser.parse_args()
    size = SMALL if asked.small else FULL
    measures: list[Measure] = []
    with TemporaryDirectory(prefix="abspark-bench-") as folder:
        for name in asked.only or SECTIONS:
            found = SECTIONS[name](Path(folder), size)
            sys.stdout.writelines(f"{_line(m)}\n" for m in found)
            sys.stdout.flush()
            measures += found
            _keep(measures)
    if worse := _worse(measures, json.loads(BASELINE.read_text(encoding="utf-8"))):
        sys.exit(f"worse than the baseline by more than a quarter: {'; '.join(worse)}")


def _keep(measures: list[Measure]) -> None:
    """Write what is known so far, so that a run stopped in a later section has not measured for nothing."""
    out = ROOT / "build" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    rows = [m | {"limit": None if math.isinf(m["limit"]) else m["limit"]} for m in measures]
    out.write_text(json.dumps(rows, indent=1) + "\n")


def _worse(measures: list[Measure], baseline: dict[str, float]) -> list[str]:
    return [m["name"] for m in measures if m["ratio"] > WORSE * baseline.get(m["name"], math.inf)]


def _line(m: Measure) -> str:
    beyond = "  beyond its limit" if m["ratio"] > m["limit"] else ""
    limit = "" if math.isinf(m["limit"]) else f" (at most {m['limit']:.3g})"
    return f"{m['name']:<66} {m['ours']:>9.4g} {m['theirs']:>9.4g} {m['unit']:<17} {m['ratio']:.3g}{limit}{beyond}"


if __name__ == "__main__":
    main()
