"""A driver that a test starts as a process of its own: it runs a project again and again and kills as it is told.

    python fire_driver.py CONF ENV AS_OF WORKER_PID WORKER_PID

Each line on stdin is a run: who is to die and in which stages, as `executor:assignments,moments`, `driver:commit` or
`nobody:`. Each line on stdout says in JSON how one ended. An executor is killed while it works at a task of the stage,
whose failed tasks are told; the driver, with its Java, dies then. Where nobody dies, the memory is told that is held
once the rubbish has been collected.
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
MANY = 1000
"""More tasks than a stage of a tiny project has."""


class Deadly(Progress):
    """Progress that kills in a stage; `lost` counts the tasks that failed in those in which an executor was killed."""

    def __init__(
        self, spark: SparkSession, victim: str, chosen: list[str], workers: list[psutil.Process]
    ) -> None:
        super().__init__()
        self.context, self.jvm = spark.sparkContext, spark._jvm
        self.victim, self.chosen, self.workers = victim, chosen, workers
        self.tracker = self.context._jsc.sc().statusTracker()
        self.store = self.context._jsc.sc().statusStore()
        self.dead: list[str] = []
        self.lost: dict[str, int] = {}

    @contextmanager
    def stage(self, name: str, *, aside: bool = False) -> Iterator[Stage]:
        if name not in self.chosen:
            with super().stage(name, aside=aside) as stage:
                yield stage
            return
        over = threading.Event()
        tag = f"deadly {name}"
        killer = threading.Thread(target=self._kill, args=(name, tag, over))
        self.context.addJobTag(tag)
        killer.start()
        try:
            with super().stage(name, aside=aside) as stage:
                yield stage
        finally:
            over.set()
            killer.join()
            self.context.removeJobTag(tag)

    def _kill(self, name: str, tag: str, over: threading.Event) -> None:
        while not self._killed_one(tag):
            if over.wait(0.002):
                return
        over.wait()
        self.context._jsc.sc().listenerBus().waitUntilEmpty()
        self.lost[name] = sum(attempt.numFailedTasks() for attempt in self.attempts(tag))

    def _killed_one(self, tag: str) -> bool:
        """Whether a process was killed with a task in hand: it is stopped first, so that it can't end the task."""
        for executor in self.busy(tag) - set(self.dead):
            if self.victim == "driver":
                os.killpg(0, signal.SIGKILL)
            process = executor_process(self.workers, executor)
            process.suspend()
            time.sleep(0.1)  # what it has said by now arrives
            if executor in self.busy(tag):
                self.dead.append(executor)
                process.kill()
                return True
            process.resume()
        return False

    def busy(self, tag: str) -> set[str]:
        """The executors that work at tasks of jobs with a tag."""
        tasks = [
            task
            for attempt in self.attempts(tag)
            for task in elements(self.store.taskList(attempt.stageId(), attempt.attemptId(), MANY))
        ]
        return {task.executorId() for task in tasks if task.status() == "RUNNING"}

    def attempts(self, tag: str) -> list[Any]:
        """The attempts at stages of jobs with a tag."""
        jobs = [self.store.job(job) for job in self.tracker.getJobIdsForTag(tag)]
        stages = {stage for job in jobs for stage in elements(job.stageIds())}
        plain = (
            False,
            self.jvm.java.util.ArrayList(),
            False,
            self.context._gateway.new_array(self.jvm.double, 0),
        )
        return [attempt for stage in stages for attempt in elements(self.store.stageData(stage, *plain))]

    def executors(self) -> list[Any]:
        return [executor for executor in elements(self.store.executorList(True)) if executor.id() != "driver"]


def elements(sequence: Any) -> list[Any]:
    return [sequence.apply(place) for place in range(sequence.size())]


def one_run(spark: SparkSession, deadly: Deadly, conf: Path, env: str, as_of: str) -> dict[str, Any]:
    while len(deadly.executors()) < len(deadly.workers):
        time.sleep(0.1)
    error = None
    try:
        runner.run(
            spark, load_project(conf, env, environ={}), as_of=datetime.fromisoformat(as_of), progress=deadly
        )
    except Exception as found:  # the test tells it
        error = f"{type(found).__name__}: {found}"[:3000]
    return {"error": error, "lost": deadly.lost}


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
