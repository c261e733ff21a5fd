"""What templates show: tables of cells, figures, and choosers that swap both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Figure = dict[str, Any]
"""`kind` names the layout that the page adds; `data`, `layout` and `height` are Plotly's; `alt` is read aloud."""


class Cell(NamedTuple):
    """Text that is shown, the value by which it sorts and exports (None: the text), and its tone.

    The cell of an interval has its low end as value, and `high`; an open end is None.
    """

    text: str
    value: float | str | None = None
    tone: str = ""
    high: float | None = None


class Heading(NamedTuple):
    """A column: what people read, the table's column name (two for an interval), whether it holds numbers."""

    label: str
    column: str = ""
    numeric: bool = False


Column = tuple[Heading, Callable[[Mapping[str, Any]], Cell]]
"""A heading, and the cell below it of a row of a lake's table."""


def numeric(label: str, column: str, text: Callable[[Any], str]) -> Column:
    """A column of numbers."""
    return Heading(label, column, numeric=True), lambda row: Cell(text(row[column]), row[column])


def between(label: str, low: str, high: str, text: Callable[..., str]) -> Column:
    """A column of intervals, from two columns of the lake's table."""
    return (
        Heading(label, f"{low} {high}", numeric=True),
        lambda row: Cell(text(row[low], row[high]), row[low], high=row[high]),
    )


def filled(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns that any of the rows has something in: a method has some, and others not."""
    return [
        column
        for column in columns
        if any(row[name] is not None for name in column[0].column.split() for row in rows)
    ]


@dataclass(frozen=True)
class TableView:
    """A table of the page; `id` is unique in it."""

    id: str
    caption: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Panel:
    """What a chooser shows for one option: a figure per slot, the rows of its table, and a sentence."""

    label: str
    rows: Sequence[Sequence[Cell]]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Chooser:
    """One table and its figures, for the option that is chosen; the first is written into the page."""

    id: str
    label: str
    caption: str
    headings: Sequence[Heading]
    panels: Sequence[Panel]
    slots: Sequence[str] = ()

    @property
    def table(self) -> TableView:
        """The table of the first panel."""
        return TableView(f"{self.id}-table", self.caption, self.headings, self.panels[0].rows)

    def as_data(self) -> dict[str, Any]:
        """What the page's script needs to swap panels."""
        return {
            "slots": list(self.slots),
            "panels": [
                {"rows": panel.rows, "figures": dict(panel.figures), "note": panel.note}
                for panel in self.panels
            ],
        }


@dataclass(frozen=True)
class Section:
    """A part of the page: `short` names it in the contents, `template` shows `context`.

    Figures and choosers are handed to the script as well.
    """

    id: str
    title: str
    short: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    choosers: Sequence[Chooser] = ()
