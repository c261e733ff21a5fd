"""What people see while stages run: on a terminal, elsewhere, and with nothing shown at all."""

from __future__ import annotations

import io
import os
import pty
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

from abspark import progress as module
from abspark.progress import Cost, Progress, SoFar

COST = Cost(2.5, 4, 100, 10, 50, 1_000, 500, 0, 0)


class Known:
    """A gauge that has read a thousand rows more each time it is asked; without `answers` it says nothing."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = answers
        self.asked_by: list[str] = []

    @contextmanager
    def gauge(self) -> Iterator[Known]:
        yield self

    def so_far(self) -> SoFar | None:
        self.asked_by.append(threading.current_thread().name)
        asked = len(self.asked_by)
        return SoFar(1_000 * asked, min(asked, 8), 8) if self.answers else None

    def cost(self) -> Cost | None:
        return COST if self.answers else None


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.02)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


@contextmanager
def terminal() -> Iterator[tuple[TextIO, list[bytes]]]:
    """The stream of a real terminal, and what has been written to it once the context has ended."""
    reads, writes = pty.openpty()
    told: list[bytes] = []

    def read() -> None:
        while True:
            try:
                part = os.read(reads, 4096)
            except OSError:  # how Linux says that the other side is closed
                return
            if not part:
                return
            told.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(writes, "w", encoding="utf-8") as stream:
        yield stream, told
    reader.join(5)
    os.close(reads)


def screen(told: list[bytes]) -> list[str]:
    """The lines that stay, from the sequences that rich draws with: up, carriage return, clear the line."""
    text = re.sub(r"\x1b\[\?25[lh]", "", b"".join(told).decode())
    lines, row = [""], 0
    for part in re.split(r"(\r\n|\r|\n|\x1b\[1A|\x1b\[2K)", text):
        if part in ("\r\n", "\n"):
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part != "\r":
            assert "\x1b" not in part
            lines[row] += part
    return [line for line in lines if line]


def spent_until(condition: object) -> None:
    """Wait for what a thread does, for at most five seconds."""
    ends = time.monotonic() + 5
    while not condition() and time.monotonic() < ends:  # type: ignore[operator]
        time.sleep(0.005)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "abspark-progress"]


def test_a_terminal_shows_rows_rate_and_tasks_while_a_stage_runs() -> None:
    meter = Known()
    with terminal() as (stream, told):
        progress = Progress(stream, meter=meter)
        with progress.stage("moments") as stage:
            spent_until(lambda: len(meter.asked_by) >= 4)
            stage.rows = 4
        with progress.stage("commit"):
            pass
    drawn = b"".join(told).decode()
    assert re.search(r"moments …  2,000 rows  [\d,]+ rows/s  2 of 8 tasks  \d s\r", drawn)
    assert set(meter.asked_by) == {"abspark-progress"}
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") == 2, "the cursor is back"
    moments, commit = screen(told)
    assert re.fullmatch(r"  moments +4 rows +\d\.\d s", moments)
    assert re.fullmatch(r"  commit +0\.0 s", commit)
    assert threads() == []


def test_what_ends_beside_a_stage_is_told_after_it() -> None:
    meter = Known()
    with terminal() as (stream, told):
        progress = Progress(stream, meter=meter)

        def beside() -> None:
            with progress.stage("open the lake", aside=True) as stage:
                stage.rows = 7

        with progress.stage("count"):
            thread = threading.Thread(target=beside)
            thread.start()
            thread.join()
            spent_until(lambda: len(meter.asked_by) >= 3)
        beside()
    assert [line[2:28].rstrip() for line in screen(told)] == ["open the lake", "count", "open the lake"]
    assert set(progress.seconds) == {"count", "open the lake"}
    assert progress.costs["open the lake"] == COST + COST


def test_who_waits_for_a_stage_beside_shows_it_and_leaves_it_to_tell() -> None:
    with terminal() as (stream, told):
        progress = Progress(stream, meter=Known())
        with progress.waiting("count events"):
            spent_until(lambda: b" s\r" in b"".join(told))
    assert re.search(r"count events …  \d s\r", b"".join(told).decode())
    assert screen(told) == []
    assert progress.seconds == {}


def test_a_long_name_stays_one_line() -> None:
    meter = Known()
    with terminal() as (stream, told), Progress(stream, meter=meter).stage("count " + "long" * 40):
        spent_until(lambda: len(meter.asked_by) >= 3)
    assert len(screen(told)) == 1


@pytest.mark.parametrize("meter", [None, Known(answers=False)])
def test_without_figures_a_terminal_shows_the_time(meter: Known | None) -> None:
    with terminal() as (stream, told), Progress(stream, meter=meter).stage("moments"):
        spent_until(lambda: b" s\r" in b"".join(told))
    drawn = b"".join(told).decode()
    assert re.search(r"moments …  \d s\r", drawn)
    assert "rows" not in drawn
    assert "tasks" not in drawn


def test_a_stage_that_fails_leaves_the_terminal_in_order() -> None:
    with terminal() as (stream, told):
        progress = Progress(stream, meter=Known())
        with pytest.raises(ValueError, match="no"), progress.stage("moments"):
            raise ValueError("no")
        progress.say("failed")
    assert screen(told) == ["failed"]
    assert b"".join(told).endswith(b"failed\r\n")
    assert b"\x1b[?25h" in b"".join(told)
    assert threads() == []
    assert (progress.seconds, progress.costs) == ({}, {})


def test_elsewhere_a_stage_is_a_line_at_its_end() -> None:
    meter, out = Known(), io.StringIO()
    progress = Progress(out, meter=meter)
    with progress.stage("moments") as stage:
        assert threads() == []
        time.sleep(0.1)
        stage.rows, stage.note = 12_345, "all of them"
        assert out.getvalue() == ""
    assert re.fullmatch(r"  moments +12,345 rows +0\.\d s +[\d,]+ rows/s  all of them\n", out.getvalue()), (
        out.getvalue()
    )
    assert meter.asked_by == []
    assert progress.costs == {"moments": COST}


def test_quiet_says_nothing_and_keeps_the_figures(capfd: pytest.CaptureFixture[str]) -> None:
    meter = Known()
    progress = Progress(meter=meter)
    with progress.stage("moments"):
        time.sleep(0.1)
    progress.say("nothing")
    assert capfd.readouterr() == ("", "")
    assert meter.asked_by == []
    assert progress.costs == {"moments": COST}


def test_what_one_process_kept_another_takes_over() -> None:
    first = Progress(seconds={"assignments": 1.5, "commit": 0.5}, costs={"assignments": COST})
    second = Progress()
    second.restore(first.seconds, first.cost_rows())
    assert second == first
    old = Progress()
    old.restore({"assignments": 1.5}, [])
    assert old.cost_rows()[0]["cpu_seconds"] is None


def test_costs_of_one_name_add_up_and_keep_the_worse_skew() -> None:
    skewed = Cost(1.0, 1, 1, 1, 1, 1, 1, 1, 1, skew=2.0)
    assert skewed + Cost(0.5, 2, 3, 4, 5, 6, 7, 8, 9, skew=3.0) == Cost(1.5, 3, 4, 5, 6, 7, 8, 9, 10, 3.0)
    assert (COST + skewed).skew == (skewed + COST).skew == 2.0
    assert (COST + COST).skew is None
