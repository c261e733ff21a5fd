"""What tables for a terminal share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

Row = Mapping[str, Any]

NARROW: Final = 76
"""Columns of a terminal below which tables leave out what does not decide."""


def grouped(rows: Sequence[Row], *keys: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows by the values of some columns, in order of appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.items())


def new_table() -> Any:
    """A table without columns or title, which stands above it however narrow the table is."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def room_for(*widths: int) -> int:
    """How wide a table is whose columns are that wide, with a blank on either side of each and one at an edge."""
    return sum(widths) + 2 * len(widths) + 1


def show_table(title: str, table: Any, out: TextIO) -> None:
    """Print a table below its title."""
    from rich.text import Text

    show(Text(title, style="italic"), out)
    show(table, out)


def show(item: Any, out: TextIO) -> None:
    """Print something of rich's in the width of the terminal; a text is taken for markup."""
    from rich.console import Console

    Console(file=out, soft_wrap=False).print(item)


def show_notes(notes: Sequence[str], out: TextIO) -> None:
    """Print each note once below a table, its further lines indented, and an empty line where there are any."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    once = list(dict.fromkeys(notes))
    if not once:
        return
    lines = Table.grid(padding=(0, 1, 0, 0))
    for note in once:
        lines.add_row("·", Text(note, overflow="fold"))
    show(Padding(lines, (0, 0, 1, 1)), out)


def show_verdict(decision: str, reasons: Sequence[str], out: TextIO) -> None:
    """Print a decision with its reasons, and an empty line."""
    from rich.text import Text

    told = f"Verdict: {decision.replace('_', ' ')}."
    show(Text(" ".join([told, *reasons])), out)
    show("", out)


def width(out: TextIO) -> int:
    """Columns of the terminal."""
    from rich.console import Console

    return Console(file=out).width
