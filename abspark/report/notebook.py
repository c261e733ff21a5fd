"""Rows that show themselves in a notebook: as a table, and those of results as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal

from abspark.config import Project
from abspark.errors import UsageError
from abspark.report import numbers
from abspark.report.data import ReportData
from abspark.report.order import WORST_FIRST, by_day, since_exposure
from abspark.report.views import Cell, Heading, TableView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS: Final = 60
_LONGEST: Final = 400
"""Characters that are shown of a value with parts, such as what a run read."""
Kind = Literal["scorecard", "series"]


class TableRows(list[dict[str, Any]]):
    """Rows of one table: a list of dictionaries that a notebook shows as an HTML table."""

    def __init__(self, rows: Iterable[dict[str, Any]], *, table: str, project: Project) -> None:
        super().__init__(rows)
        self.table = table
        self.project = project

    def plot(self, experiment: str | None = None, *, kind: Kind = "scorecard") -> Picture:
        """The scorecard of an experiment, or its main comparison day by day; one experiment needs no name.

        Raises:
            UsageError: The rows are no results, not of the experiment, or of several of which none is named; there is
                no such kind; they have nothing to draw; or the experiment is not configured.
        """
        from abspark.report.pictures import scorecard_picture, series_picture

        if self.table != "results":
            raise UsageError(f"rows of {self.table} have no plot", allowed="rows of results")
        known = self._experiments()
        chosen = known[0] if experiment is None and len(known) == 1 else experiment
        if chosen not in known:
            raise UsageError(
                f"{experiment or 'no experiment'} is chosen, of which there are no rows"
                if known
                else "there are no rows to plot",
                allowed=", ".join(known) or None,
            )
        pictures = {"scorecard": scorecard_picture, "series": series_picture}
        if kind not in pictures:
            raise UsageError(f"there is no plot of kind {kind!r}", allowed=", ".join(pictures))
        if chosen not in self.project.experiments:
            raise UsageError(f"{chosen} is not configured, which a picture needs")
        drawn = pictures[kind](self._data(chosen))
        if drawn is None:
            raise UsageError(f"there is nothing to draw as {kind}", advice="look at the reasons of the rows")
        return Picture(drawn)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 (IPython's)
        """What a notebook keeps beside the table as plain text: not all rows again."""
        printer.text(f"{len(self):,} rows of {self.table}")

    def _repr_html_(self) -> str | None:
        """What a notebook shows; without Jinja2 it shows the list.

        Results of an experiment that only the lake has are shown as any table is: a scorecard reads the configuration.
        """
        from abspark.report.page import fragment

        as_scorecards = self.table == "results" and self.project.experiments.keys() >= set(
            self._experiments()
        )
        views = list(self._results() if as_scorecards else self._plain())
        shown = sum(len(view.rows) for view in views)
        note = "" if shown == len(self) else f"{shown:,} of {len(self):,} rows"
        if note and as_scorecards:
            note += ": the last day, everyone, the configured estimator"
        try:
            return fragment("notebook.html", views=views, note=note)
        except UsageError:
            return None

    def _experiments(self) -> list[str]:
        return list(dict.fromkeys(row["experiment_id"] for row in self))

    def _data(self, experiment: str) -> ReportData:
        mine = [row for row in self if row["experiment_id"] == experiment]
        return ReportData(
            self.project.experiments[experiment],
            self.project.metrics,
            datetime.now(UTC),
            results=by_day(mine),
            since_exposure=since_exposure(mine),
        )

    def _results(self) -> Iterator[TableView]:
        """A table per experiment and treatment, as the report has it."""
        from abspark.report.sections.scorecard import columns

        for experiment in self._experiments():
            data = self._data(experiment)
            for treatment in data.treatments:
                rows = [row for row in data.headlines() if row["treatment"] == treatment]
                chosen = columns(data, rows)
                caption = f"{experiment}: {treatment} against {rows[0]['control']}, to {rows[0]['day']}"
                cells = [[cell(row) for _, cell in chosen] for row in rows]
                yield TableView("", caption, [heading for heading, _ in chosen], cells)

    def _plain(self) -> Iterator[TableView]:
        """The first rows, of checks the worst, with the columns in which one of them has a value."""
        worst = self.table == "health"
        ordered = sorted(self, key=lambda row: WORST_FIRST[row["status"]]) if worst else self
        shown = ordered[:_MOST_ROWS]
        names = [name for name in (shown[0] if shown else ()) if any(row[name] is not None for row in shown)]
        headings = [Heading(name, name, numeric=_numeric(name, shown)) for name in names]
        yield TableView(
            "", self.table, headings, [[Cell(_text(row[name])) for name in names] for row in shown]
        )


@dataclass(frozen=True)
class Picture:
    """A matplotlib figure that a notebook shows."""

    figure: Figure

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.figure.savefig(content, format="png", dpi=100)
        return content.getvalue()


def _numeric(name: str, rows: Iterable[Mapping[str, Any]]) -> bool:
    return all(row[name] is None or type(row[name]) in (int, float) for row in rows)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return numbers.count(value)
    if isinstance(value, float):
        return numbers.number(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
