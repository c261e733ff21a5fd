"""A driver that a test starts as a process of its own: it runs a project again and again and kills as it is told.

    python fire_driver.py CONF ENV AS_OF WORKER_PID WORKER_PID

Each line on stdin is a run: who is to die and in which stages, as `executor:assignments,moments`, `driver:commit` or
`nobody:`. Each line on stdout says in JSON how one ended. An executor is killed while it works at a task of the stage;
the driver, with its Java, dies then. Where nobody dies, the memory is told that is held once the rubbish has been
collected.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from cluster import executor_process
from pyspark.sql import SparkSession

from abspark import runner
from abspark.config import load_project
from abspark.progress import Progress, Stage
from abspark.storage import open_session

COLLECTIONS = 6


class Deadly(Progress):
    """Progress that kills in a stage: executors are stopped before it begins, and one that was given a task dies."""

    def __init__(
        self, spark: SparkSession, victim: str, chosen: list[str], workers: list[psutil.Process]
    ) -> None:
        super().__init__()
        self.victim, self.chosen, self.workers = victim, chosen, workers
        self.spark = spark
        self.store = spark.sparkContext._jsc.sc().statusStore()
        self.killed: dict[str, str] = {}

    @contextmanager
    def stage(self, name: str, *, aside: bool = False) -> Iterator[Stage]:
        if name not in self.chosen:
            with super().stage(name, aside=aside) as stage:
                yield stage
            return
        over = threading.Event()
        stopped = self.stopped() if self.victim == "executor" else {}
        killer = threading.Thread(target=self._kill, args=(name, stopped, over))
        killer.start()
        try:
            with super().stage(name, aside=aside) as stage:
                yield stage
        finally:
            over.set()
            killer.join()

    def stopped(self) -> dict[str, psutil.Process]:
        """All executors, one for each worker, by their ids; none of them gets on with anything."""
        self.wait_for_executors()
        found = {e.id(): executor_process(self.workers, e.id()) for e in self.executors()}
        for process in found.values():
            process.suspend()
        return found

    def wait_for_executors(self) -> None:
        while len(self.executors()) < len(self.workers):
            time.sleep(0.05)

    def _kill(self, name: str, stopped: dict[str, psutil.Process], over: threading.Event) -> None:
        while not over.is_set() and name not in self.killed:
            busy = [e.id() for e in self.executors() if e.activeTasks() > 0]
            if busy and self.victim == "driver":
                os.killpg(0, signal.SIGKILL)
            for executor in [e for e in busy if e in stopped][:1]:
                self.killed[name] = executor
                stopped.pop(executor).kill()
            time.sleep(0.002)
        for process in stopped.values():
            process.resume()

    def executors(self) -> list[Any]:
        found = self.store.executorList(True)
        every = [found.apply(place) for place in range(found.size())]
        return [e for e in every if e.id() != "driver" and e.id() not in self.killed.values()]

    def failed_tasks(self) -> int:
        """Tasks of all stages so far that failed, as those of a dead executor do."""
        nothing = self.spark.sparkContext._gateway.new_array(self.spark._jvm.double, 0)
        stages = self.store.stageList(None, False, False, nothing, None)
        return sum(stages.apply(place).numFailedTasks() for place in range(stages.size()))


def one_run(spark: SparkSession, deadly: Deadly, conf: Path, env: str, as_of: str) -> dict[str, Any]:
    deadly.wait_for_executors()
    before, error = deadly.failed_tasks(), None
    try:
        runner.run(
            spark, load_project(conf, env, environ={}), as_of=datetime.fromisoformat(as_of), progress=deadly
        )
    except Exception as found:  # the test tells it
        error = f"{type(found).__name__}: {found}"[:3000]
    return {"error": error, "killed": list(deadly.killed), "lost": deadly.failed_tasks() - before}


def held(spark: SparkSession) -> dict[str, float]:
    """MiB of Java's heap and of this process after collection, and how many blocks of memory Python's objects take.

    A collection in Python gives up plans in Java, one there gives up their broadcasts, which a thread of Spark's then
    lets go: it takes several until all has gone that nobody holds.
    """
    gc.collect()
    java = spark._jvm.java.lang
    runtime, heaps = java.Runtime.getRuntime(), []
    for _ in range(COLLECTIONS):
        time.sleep(0.3)
        java.System.gc()
        heaps.append(runtime.totalMemory() - runtime.freeMemory())
    gc.collect()
    return {
        "heap": min(heaps) / 2**20,
        "python": psutil.Process().memory_info().rss / 2**20,
        "blocks": sys.getallocatedblocks(),
    }


def main(conf: Path, env: str, as_of: str, *pids: str) -> None:
    workers = [psutil.Process(int(pid)) for pid in pids]
    environment = load_project(conf, env, environ={}).environment
    assert environment is not None
    with open_session(environment) as spark:
        for line in sys.stdin:
            victim, _, stages = line.strip().partition(":")
            outcome = one_run(spark, Deadly(spark, victim, stages.split(","), workers), conf, env, as_of)
            outcome |= held(spark) if victim == "nobody" else {}
            print(json.dumps(outcome), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
