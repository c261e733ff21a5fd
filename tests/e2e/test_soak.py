"""Thirty runs in one session: what the driver holds does not grow.

From the first ten runs after the fifth to the last ten, as measured: Java's live heap grows by 7 MiB. Where Spark
remembers a thousand queries each run would add 1.4 MiB, going by histograms of two heaps ten runs apart.
Python has some 400 blocks of memory more, of 755,000.
Resident memory grows by 25 MiB, more slowly with each run; appends by delta-rs alone, in a process that does nothing
else, account for part of it, by that library's own allocator.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from driver_process import Driver
from project_builder import make_project

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

RUNS, WARM, SOME = 30, 5, 10
MIB_OF_HEAP, MIB_RESIDENT, BLOCKS = 15, 40, 2000


def growth(held: list[float]) -> float:
    """From the least of the first runs to the least of the last: what is only waiting to be collected is no growth."""
    return min(held[-SOME:]) - min(held[WARM : WARM + SOME])


def test_thirty_runs_in_one_session(tmp_path: Path) -> None:
    driver = Driver(make_project(tmp_path), "own")
    try:
        outcomes = [driver.run("nobody") for _ in range(RUNS)]
    finally:
        driver.end()
    held = [outcome for outcome in outcomes if outcome is not None and outcome["error"] is None]
    assert len(held) == RUNS
    assert growth([outcome["heap"] for outcome in held]) < MIB_OF_HEAP
    assert growth([outcome["python"] for outcome in held]) < MIB_RESIDENT
    assert growth([outcome["blocks"] for outcome in held]) < BLOCKS
