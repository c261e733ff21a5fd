"""Progress for people: a line per stage on stderr, with rows, seconds and rate; and what each stage cost.

On a terminal the line of the stage that runs is redrawn every second until it ends; elsewhere a stage is a line once it
has ended.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, NamedTuple, Protocol, TextIO

_MANY: Final = 1000
"""Rows below which a rate says nothing."""
_EVERY: Final = 1.0
"""Seconds between two looks at a stage that runs."""
_PATIENCE: Final = 5.0
"""Seconds to wait for a look that is under way when its stage ends."""


@dataclass(frozen=True)
class Cost:
    """What Spark says that a stage of a run cost, summed over its Spark stages.

    `cpu_seconds` and everything in bytes are of tasks; `skew` is the longest task over the median one, in the Spark
    stage whose tasks ran longest, None where they ran too shortly to tell.
    """

    cpu_seconds: float
    tasks: int
    rows_in: int
    rows_out: int
    rows_shuffled: int
    bytes_read: int
    bytes_shuffled: int
    bytes_spilled_memory: int
    bytes_spilled_disk: int
    skew: float | None = None

    def __add__(self, other: Cost) -> Cost:
        """Both together, with the worse skew."""
        summed = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED}
        known = [skew for skew in (self.skew, other.skew) if skew is not None]
        return Cost(**summed, skew=max(known, default=None))


_SUMMED: Final = tuple(part.name for part in fields(Cost) if part.name != "skew")


class SoFar(NamedTuple):
    """What a running stage has read, and how many of the tasks have ended that it has begun to work through."""

    rows: int
    ended: int
    tasks: int


class Gauge(Protocol):
    """Watches one stage."""

    def so_far(self) -> SoFar | None:
        """How far the work is; None where that is not known. Asked from a thread of its own."""

    def cost(self) -> Cost | None:
        """What the work cost that was done since the gauge was opened; None where that is not known."""


class Meter(Protocol):
    """Opens gauges: the session's own figures, where it has any."""

    def gauge(self) -> AbstractContextManager[Gauge]:
        """Watch the work of this thread until the context ends."""


@dataclass
class Stage:
    """What a stage reports when it ends."""

    rows: int | None = None
    note: str | None = None


@dataclass
class Progress:
    """Reports stages as they end, and keeps their seconds and costs.

    `stream` None is quiet. `seconds` grows by one entry a stage name; a name used twice adds up. `costs` has the
    stages whose cost is known, which takes a `meter`.
    """

    stream: TextIO | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    meter: Meter | None = None
    _drawing: bool = False
    _waiting: list[str] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @contextmanager
    def stage(self, name: str, *, aside: bool = False) -> Iterator[Stage]:
        """Time what happens within, and say so at its end.

        `aside` is for what goes on in a thread of its own beside another stage: it is not shown while it runs.
        """
        started = time.monotonic()
        stage = Stage()
        with self.meter.gauge() if self.meter else nullcontext() as gauge:
            if aside:
                yield stage
            else:
                with self._redrawn(f"  {name} …", lambda: _running(time.monotonic() - started, gauge)):
                    yield stage
            spent = time.monotonic() - started
            self._keep(name, spent, gauge.cost() if gauge else None)
        rows = "" if stage.rows is None else f"{stage.rows:>15,} rows"
        many = stage.rows is not None and stage.rows >= _MANY and spent > 0
        rate = f"{(stage.rows or 0) / spent:>12,.0f} rows/s" if many else ""
        note = f"  {stage.note}" if stage.note else ""
        self._write(f"  {name:<26}{rows:>20}{spent:>9.1f} s{rate}{note}\n")

    @contextmanager
    def waiting(self, name: str) -> Iterator[None]:
        """Show, while it lasts, that a stage is waited for which goes on aside; it is timed where it goes on."""
        started = time.monotonic()
        with self._redrawn(f"  {name} …", lambda: _running(time.monotonic() - started, None)):
            yield

    def cost_rows(self) -> list[dict[str, Any]]:
        """A row per stage in the order in which they ended: its seconds and its cost, None where that is not known."""
        unknown = dict.fromkeys(part.name for part in fields(Cost))
        return [
            {"stage": name, "seconds": spent, **(asdict(self.costs[name]) if name in self.costs else unknown)}
            for name, spent in self.seconds.items()
        ]

    def restore(self, seconds: dict[str, float], costs: list[dict[str, Any]]) -> None:
        """Take over what another process kept, as `cost_rows` gave it."""
        self.seconds.update(seconds)
        for row in costs:
            known = {part.name: row[part.name] for part in fields(Cost)}
            if known["cpu_seconds"] is not None:
                self.costs[row["stage"]] = Cost(**known)

    def say(self, line: str) -> None:
        """One line of its own."""
        self._write(line + "\n")

    def _keep(self, name: str, spent: float, cost: Cost | None) -> None:
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            if cost is not None:
                self.costs[name] = self.costs[name] + cost if name in self.costs else cost

    @contextmanager
    def _redrawn(self, name: str, told: Callable[[], str]) -> Iterator[None]:
        if self.stream is None or not self.stream.isatty():
            yield
            return
        self._drawing = True
        try:
            with _redrawn(self.stream, name, told):
                yield
        finally:
            with self._lock:
                self._drawing = False
                self._write("")

    def _write(self, text: str) -> None:
        """Write; a line that is being redrawn is left alone, and what others say meanwhile follows it."""
        if self.stream is None:
            return
        with self._lock:
            self._waiting.append(text)
            if not self._drawing:
                self.stream.write("".join(self._waiting))
                self.stream.flush()
                self._waiting.clear()


def _running(spent: float, gauge: Gauge | None) -> str:
    """What is said of a stage that runs, after its name."""
    found = gauge.so_far() if gauge else None
    parts = []
    if found and found.rows:
        parts += [f"{found.rows:,} rows", f"{found.rows / spent:,.0f} rows/s"]
    if found and found.tasks:
        parts += [f"{found.ended:,} of {found.tasks:,} tasks"]
    return "  ".join([*parts, f"{spent:.0f} s"])


@contextmanager
def _redrawn(stream: TextIO, name: str, told: Callable[[], str]) -> Iterator[None]:
    """Within it the last line of a terminal is the name and what `told` says, every second; at the end it is empty."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def line(text: str) -> Text:
        return Text(text, no_wrap=True, overflow="ellipsis")

    def redraw() -> None:
        while not over.wait(_EVERY):
            text = line(f"{name}  {told()}")
            if not over.is_set():
                shown.update(text, refresh=True)

    over = threading.Event()
    looks = threading.Thread(target=redraw, name="abspark-progress", daemon=True)
    console = Console(file=stream)
    with Live(
        line(name), console=console, auto_refresh=False, transient=True, redirect_stdout=False,
        redirect_stderr=False,
    ) as shown:  # fmt: skip
        looks.start()
        try:
            yield
        finally:
            over.set()
            looks.join(_PATIENCE)


def on_stderr() -> Progress:
    """Progress that is shown."""
    return Progress(sys.stderr)
