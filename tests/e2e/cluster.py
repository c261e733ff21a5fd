"""A standalone Spark cluster on this machine: a master and workers, each a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyspark
from project_builder import TinyProject

_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# a process that dies closes its connections, which is noticed at once; one that is only slow is no fault here
_CALM = "-Dspark.worker.timeout=800 -Dspark.network.timeout=800s"
_PATIENCE = 240.0
_ENVIRONMENT = """\
lake: {{path: ./lake}}
spark:
  master: {url}
  conf:
    spark.driver.host: 127.0.0.1
    spark.driver.bindAddress: 127.0.0.1
    spark.driver.memory: 1g
    spark.driver.extraJavaOptions: "{quick}"
    spark.executor.memory: 600m
    spark.executor.extraJavaOptions: "{quick}"
    spark.ui.enabled: "false"
    spark.ui.showConsoleProgress: "false"
    spark.ui.liveUpdate.period: "0"
    spark.log.level: "OFF"
    spark.databricks.delta.snapshotPartitions: 1
    spark.sql.codegen.wholeStage: "false"
    spark.sql.codegen.factoryMode: NO_CODEGEN
    spark.sql.shuffle.partitions: 4
    spark.sql.adaptive.coalescePartitions.enabled: "false"
    spark.network.timeout: 800s
    # workers stand for machines of their own, of which none reads another's files past its process
    spark.shuffle.readHostLocalDisk: "false"
    spark.shuffle.io.maxRetries: 1
    spark.shuffle.io.retryWait: 1s
"""


@dataclass(frozen=True)
class Cluster:
    """What tests need to know: where the master listens, the workers' processes and temporary folders."""

    url: str
    workers: tuple[psutil.Process, ...]
    scratch: tuple[Path, ...]

    def environment(self, tiny: TinyProject, *more: str) -> None:
        """Add the environment `cluster` to a project, with more lines of Spark's settings."""
        text = _ENVIRONMENT.format(url=self.url, quick=_QUICK) + "".join(f"    {line}\n" for line in more)
        (tiny.conf / "environments" / "cluster.yaml").write_text(text)


@contextmanager
def standalone(folder: Path, *, small_disk: str | None = None) -> Iterator[Cluster]:
    """A master and two workers with a core each, until the context ends.

    With `small_disk` the first worker's temporary folder is a file system of that size.
    """
    started: list[subprocess.Popen[bytes]] = []
    scratch = (folder / "scratch1", folder / "scratch2")
    try:
        place = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        started.append(_started(folder / "master", "master.Master", place))
        url = _told(folder / "master", r"Starting Spark master at (spark://\S+)")
        for number, disk in enumerate(scratch, start=1):
            name = folder / f"worker{number}"
            options = (*place, "--cores", "1", "--memory", "700m", "--work-dir", str(name / "work"), url)
            size = small_disk if number == 1 else None
            started.append(_started(name, "worker.Worker", options, disk, size))
            _told(name, r"(Successfully registered with master)")
        yield Cluster(url, tuple(psutil.Process(process.pid) for process in started[1:]), scratch)
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _started(
    folder: Path, name: str, options: Sequence[str], disk: Path | None = None, size: str | None = None
) -> subprocess.Popen[bytes]:
    folder.mkdir()
    program = [str(Path(pyspark.__file__).parent / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}"]
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK", "SPARK"))}
    here = {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "200m",
        "SPARK_DAEMON_JAVA_OPTS": f"{_QUICK} {_CALM}",
    }
    if disk is not None:
        disk.mkdir()
        here["SPARK_LOCAL_DIRS"] = str(disk)
    if size is not None:
        program = _on_a_disk_of(size, disk, program)
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [*program, *options],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**keep, **here},
            start_new_session=True,
        )


def _on_a_disk_of(size: str, disk: Path | None, program: Sequence[str]) -> list[str]:
    """The program in a name space of its own, where a folder is a small file system; only a Linux machine has that."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
    return ["unshare", *as_root, "--mount", "sh", "-c", script, str(disk), *program]


def _told(folder: Path, pattern: str) -> str:
    """What a process says in its log, once it has."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        said = (folder / "log").read_text(errors="replace")
        if found := re.search(pattern, said):
            return found[1]
        time.sleep(0.1)
    raise TimeoutError(f"{folder.name} has not said {pattern}:\n{said[-3000:]}")


def _command(process: psutil.Process) -> list[str]:
    """The words a process was started with; none of one that has just died."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def executor_process(workers: Sequence[psutil.Process], executor_id: str) -> psutil.Process:
    """The process of an executor, by its number in its application."""
    for worker in workers:
        for process in worker.children(recursive=True):
            words = _command(process)
            if "--executor-id" in words and words[words.index("--executor-id") + 1] == executor_id:
                return process
    raise ProcessLookupError(f"no executor {executor_id}")
