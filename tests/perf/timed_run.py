"""One run in a fresh process, or several in one session; prints what it cost as JSON.

A list with one object per run: start_s, session's start (0 but for the first run); wall_s; cpu_s, of Python and Java;
peak_gib, resident memory of both so far; heap_mib, Java's live heap after it, where there are several runs; python_mib,
Python's resident memory; stages, seconds by name.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from abspark.command_common import session
from abspark.config import load_project
from abspark.config.values import parse_instant
from abspark.progress import Progress
from abspark.runner import run


@dataclass
class Cost:
    """What one run cost; see the module."""

    start_s: float
    wall_s: float
    cpu_s: float
    peak_gib: float
    heap_mib: float
    python_mib: float
    stages: dict[str, float] = field(default_factory=dict)


class Memory:
    """The peak of the resident memory of this process and its children, sampled all the while."""

    def __init__(self) -> None:
        """Start to sample."""
        self.peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, sum(_resident(process) for process in family()))
            time.sleep(0.2)


def family() -> list[psutil.Process]:
    """This process and those it started."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def _resident(process: psutil.Process) -> int:
    """Resident bytes; 0 for what Java forks to run a shell command, which for a moment shares all of Java's pages."""
    try:
        named = process.name().startswith(("java", "python", "abspark"))
        return int(process.memory_info().rss) if named else 0
    except psutil.NoSuchProcess:
        return 0


def cpu_seconds() -> float:
    """Processor time of this process and of Java, so far."""
    return sum(process.cpu_times().user + process.cpu_times().system for process in family())


def main() -> None:
    """Run as asked and print the costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("conf", type=Path)
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    memory = Memory()
    project = load_project(asked.conf, "local")
    began = time.monotonic()
    costs: list[dict[str, Any]] = []
    with session(project.environment, reads=project) as spark:
        start = time.monotonic() - began
        for _ in range(asked.runs):
            progress = Progress()
            before, began = cpu_seconds(), time.monotonic()
            run(spark, project, as_of=parse_instant(asked.as_of), progress=progress)
            wall, cpu = time.monotonic() - began, cpu_seconds() - before
            live = _live_heap(spark) if asked.runs > 1 else 0.0
            costs.append(
                asdict(
                    Cost(
                        start, wall, cpu, memory.peak / 2**30, live,
                        psutil.Process().memory_info().rss / 2**20, dict(progress.seconds),
                    )
                )
            )  # fmt: skip
            start = 0.0
    sys.stdout.write(json.dumps(costs) + "\n")


def _live_heap(spark: Any) -> float:
    """MiB of Java's heap that a full collection leaves."""
    gc.collect()
    machine = spark.sparkContext._jvm
    machine.java.lang.System.gc()
    runtime = machine.java.lang.Runtime.getRuntime()
    return float(runtime.totalMemory() - runtime.freeMemory()) / 2**20


if __name__ == "__main__":
    main()
