"""Drivers in processes of their own: a run by the command line, and runs one after the other as a test tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from project_builder import AS_OF, TinyProject

LONGEST = 500.0


def started(tiny: TinyProject, **variables: str) -> subprocess.Popen[str]:
    """`abspark run` in a process group of its own, with a Spark of its own."""
    program = Path(sys.executable).parent / "abspark"
    return subprocess.Popen(
        [str(program), *tiny.command("run", "--as-of", AS_OF, env="own")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
    )


class Driver:
    """A process of `fire_driver.py`, and a way to talk to it."""

    def __init__(self, tiny: TinyProject, env: str, workers: Sequence[psutil.Process] = ()) -> None:
        script = str(Path(__file__).with_name("fire_driver.py"))
        pids = [str(worker.pid) for worker in workers]
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK", "SPARK"))}
        self.process = subprocess.Popen(
            [sys.executable, script, str(tiny.conf), env, AS_OF, *pids],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env={**keep, "SPARK_LOCAL_IP": "127.0.0.1"},
        )

    def run(self, victim: str, *stages: str) -> dict[str, Any] | None:
        """How a run ended; None where the driver died in it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{victim}:{','.join(stages)}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def end(self) -> int:
        """Its exit code, once its Java has gone as well."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()
        return self.process.wait(LONGEST)
