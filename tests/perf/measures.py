"""A row of the bench's table, and how commands are timed for it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HELPERS = os.pathsep.join(str(ROOT / "tests" / folder) for folder in ("", "spark/pipeline"))
"""Where the modules are that tests share."""
AS_OF = "2025-06-01T00:00:00Z"
Measure = dict[str, Any]


def measure(name: str, ours: float, theirs: float, *, unit: str, limit: float = math.inf) -> Measure:
    """A row: ratio is ours / theirs and must not exceed `limit`; a limit of infinity only reports."""
    ratio = ours / theirs
    return {"name": name, "ratio": ratio, "limit": limit, "ours": ours, "theirs": theirs, "unit": unit}


def told(module: str, *arguments: str) -> Any:
    """What a module of this folder prints as JSON when run in a process of its own.

    Raises:
        CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", f"tests.perf.{module}", *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([HELPERS, os.environ.get("PYTHONPATH", "")])}
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment)
    return json.loads(shown.stdout)


def abspark(*arguments: str) -> None:
    """Run a command to its end.

    Raises:
        CalledProcessError: It failed.
    """
    subprocess.run([sys.executable, "-m", "abspark.cli", *arguments], stdout=subprocess.DEVNULL, check=True)


def one_run(conf: Path) -> dict[str, Any]:
    """What one run in a fresh session costs; see tests/perf/timed_run.py."""
    cost: dict[str, Any] = told("timed_run", str(conf), "--as-of", AS_OF)[0]
    return cost
