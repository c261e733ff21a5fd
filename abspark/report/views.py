"""What templates show: tables of cells, figures, and choosers that swap both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from abspark.report import numbers

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


def relative_interval(row: Mapping[str, Any]) -> Cell:
    """The interval of a row's relative effect."""
    low, high = row["relative_low"], row["relative_high"]
    return Cell(numbers.percent_interval(low, high), low, high=high)


class Heading(NamedTuple):
    """A column: what people read, the table's column name (two for an interval), whether it holds numbers."""

    label: str
    column: str = ""
    numeric: bool = False


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
