"""Measure abspark beside what people would pick instead: `make bench`, or `--rows` for another size.

Writes build/bench.json, a list of {name, ratio, limit, ours, theirs, unit}; ratio is ours / theirs and must not exceed
limit (absolute budgets have the budget as theirs). Ends with an error where one does. Times are whole processes,
JVM start included, on logs without faults; DuckDB has the same files and two threads.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import psutil

ROOT = Path(__file__).parents[2]
EVENTS = 1_000_000
SECONDS_ALLOWED = 45.0
GIBIBYTES_ALLOWED = 3.0
AS_OF = "2025-06-01T00:00:00Z"
Measure = dict[str, Any]

SQL = """
with firsts as (
  select experiment_id, user_id, min(variant) as variant, max(variant) as other, min(ts) as first_at
  from '{raw}/exposures/*.parquet' where not is_bot group by all
), units as (select * from firsts where variant = other),
events as (select user_id, ts, event_type, amount from '{raw}/events/*.parquet'
           qualify row_number() over (partition by user_id, event_id order by ts, amount) = 1),
per_unit as (
  select u.experiment_id, u.variant, u.user_id,
    coalesce(sum(amount) filter (event_type = 'purchase'), 0) as revenue_per_unit,
    count(*) filter (event_type = 'purchase') as purchases,
    count(*) filter (event_type = 'page_view') as page_views
  from units u left join events e
    on e.user_id = u.user_id and e.ts >= u.first_at and e.ts < u.first_at + interval 7 day
  group by all
)
select experiment_id, variant, count(*), avg((purchases > 0)::int), avg(purchases), var_samp(purchases),
  avg(revenue_per_unit), var_samp(revenue_per_unit), avg(page_views), var_samp(page_views)
from per_unit group by all order by all
"""


def main() -> None:
    """Measure, print a table, write the file, and fail where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=EVENTS, help="event rows, about")
    rows = parser.parse_args().rows
    with TemporaryDirectory(prefix="abspark-bench-") as folder:
        measures = [*whole_run(Path(folder) / "logs", rows), *commands(Path(folder)), *statistics()]
    out = ROOT / "build" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(measures, indent=1) + "\n")
    sys.stdout.writelines(f"{_line(m)}\n" for m in measures)
    if missed := [m["name"] for m in measures if m["ratio"] > m["limit"]]:
        sys.exit(f"beyond the limit: {'; '.join(missed)}")


def _line(m: Measure) -> str:
    return f"{m['name']:<58} {m['ours']:>10.4g} {m['theirs']:>10.4g} {m['unit']:<16} ratio {m['ratio']:.2f}"


def measure(name: str, ours: float, theirs: float, *, unit: str, limit: float = 1.0) -> Measure:
    """One row of the table."""
    return {
        "name": name,
        "ratio": ours / theirs,
        "limit": limit,
        "ours": ours,
        "theirs": theirs,
        "unit": unit,
    }


def whole_run(out: Path, events: int) -> list[Measure]:
    """Raw Parquet logs to committed Delta tables, against the budget and against DuckDB's moments."""
    units = max(1_000, events // 20)
    abspark(
        "simulate", "--out", str(out), "--units", str(units), "--experiments", "2", "--exposures-per-unit", "2",
        "--share", "0.5", "--clean",
    )  # fmt: skip
    started = time.monotonic()
    peak = abspark("run", "--conf", str(out / "conf"), "--env", "local", "--as-of", AS_OF, "--quiet")
    ours = time.monotonic() - started
    started = time.monotonic()
    connection = duckdb.connect()
    connection.execute("set threads = 2; set timezone = 'UTC'")
    expected = connection.execute(SQL.format(raw=out / "raw")).fetchall()
    theirs = time.monotonic() - started
    require_equal(out, expected)
    return [
        measure(f"run, {events:,} events, cold start", ours, SECONDS_ALLOWED, unit="s"),
        measure("peak resident memory, Python and JVM", peak, GIBIBYTES_ALLOWED, unit="GiB"),
        measure("the same moments by SQL in DuckDB (for scale)", ours, theirs, unit="s", limit=math.inf),
    ]


def require_equal(out: Path, expected: list[tuple[Any, ...]]) -> None:
    """Our moments and DuckDB's agree to a relative 1e-9."""
    reader = [sys.executable, "-m", "tests.perf.read_moments", str(out / "conf")]
    shown = subprocess.run(reader, capture_output=True, text=True, check=True, cwd=ROOT)
    rows = {(r["experiment_id"], r["variant"], r["metric"]): r for r in json.loads(shown.stdout)}
    for experiment, variant, n, conversion, *pairs in expected:
        names = ("purchases", "revenue_per_unit", "page_views")
        found = [rows[experiment, variant, "conversion"]["mean_num"]]
        found += [rows[experiment, variant, name][key] for name in names for key in ("mean_num", "var_num")]
        agree = all(
            math.isclose(a, b, rel_tol=1e-9) for a, b in zip(found, [conversion, *pairs], strict=True)
        )
        if not agree or rows[experiment, variant, "conversion"]["n"] != n:
            sys.exit(
                f"{experiment}, {variant}: moments differ from DuckDB's: {found} != {[conversion, *pairs]}"
            )


def abspark(*arguments: str) -> float:
    """Run a command to its end; returns the peak resident memory of it and its children in GiB.

    Raises:
        CalledProcessError: It failed.
    """
    process = subprocess.Popen([sys.executable, "-m", "abspark.cli", *arguments], stdout=subprocess.DEVNULL)
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(psutil.Process(process.pid), peak), daemon=True)
    watcher.start()
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, process.args)
    watcher.join()
    return peak[0] / 2**30


def _watch(process: psutil.Process, peak: list[int]) -> None:
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        family = [process, *process.children(recursive=True)]
        peak[0] = max(peak[0], sum(_resident(member) for member in family))
        time.sleep(0.2)


def _resident(process: psutil.Process) -> int:
    """Resident bytes; 0 for what Java forks to run a shell command, which for a moment shares all of Java's pages."""
    try:
        named = process.name().startswith(("java", "python", "abspark"))
        return int(process.memory_info().rss) if named else 0
    except psutil.NoSuchProcess:
        return 0


def commands(folder: Path) -> list[Measure]:
    """Commands that start no Java."""
    abspark("init", str(folder / "starter"))
    measures = []
    for name, arguments in (
        ("--help", ["--help"]),
        ("validate", ["validate", "--conf", str(folder / "starter/conf")]),
    ):
        times = []
        for _ in range(3):
            started = time.monotonic()
            abspark(*arguments)
            times.append(time.monotonic() - started)
        measures.append(measure(f"abspark {name}", sorted(times)[1], 1.0, unit="s"))
    return measures


def statistics() -> list[Measure]:
    """What tests/perf/bench_stats.py measures, turned so that smaller is better."""
    shown = subprocess.run(
        [sys.executable, "-m", "tests.perf.bench_stats"], capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return [m | {"ratio": 1 / m["ratio"], "limit": 1 / m["limit"]} for m in json.loads(shown.stdout)]


if __name__ == "__main__":
    main()
