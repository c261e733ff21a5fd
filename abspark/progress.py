"""Progress for people: a line per stage on stderr, with rows, seconds and rate."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

_MANY: Final = 1000
"""Rows below which a rate says nothing."""


@dataclass
class Stage:
    """What a stage reports when it ends."""

    rows: int | None = None
    note: str | None = None


@dataclass
class Progress:
    """Reports stages as they end, and keeps their seconds.

    `stream` None is quiet. `seconds` grows by one entry a stage name; a name used twice adds up.
    """

    stream: TextIO | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Time what happens within, and say so at its end."""
        started = time.monotonic()
        live = self.stream is not None and self.stream.isatty()
        if live:
            self._write(f"  {name} …\r")
        stage = Stage()
        yield stage
        spent = time.monotonic() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + spent
        rows = "" if stage.rows is None else f"{stage.rows:>15,} rows"
        many = stage.rows is not None and stage.rows >= _MANY and spent > 0
        rate = f"{(stage.rows or 0) / spent:>12,.0f} rows/s" if many else ""
        note = f"  {stage.note}" if stage.note else ""
        self._write(f"  {name:<26}{rows:>20}{spent:>9.1f} s{rate}{note}\n")

    def say(self, line: str) -> None:
        """One line of its own."""
        self._write(line + "\n")

    def _write(self, text: str) -> None:
        if self.stream is not None:
            self.stream.write(text)
            self.stream.flush()


def on_stderr() -> Progress:
    """Progress that is shown."""
    return Progress(sys.stderr)
