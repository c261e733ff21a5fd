"""Where did the rows go? From raw rows to analysed units, every row left out with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from abspark.config import Metric
from abspark.reasons import drop_words
from abspark.report import numbers
from abspark.report.data import ReportData, Row
from abspark.report.figures import ACCENT, LINE, MUTED, figure, plot_text
from abspark.report.views import Cell, Chooser, Figure, Heading, Panel, Section
from abspark.schemas import NO_EXPERIMENT

_HEADINGS: Final = (
    Heading("Stage", "stage"),
    Heading("Reason", "reason"),
    Heading("Meaning"),
    Heading("Variant", "variant"),
    Heading("Rows", "rows", numeric=True),
    Heading("Units", "units", numeric=True),
)
_FIRST: Final = "first exposures"
_SMALL: Final = 0.02
"""Share of the rows read below which a reason has no room of its own on a narrow screen."""


@dataclass
class Flow:
    """A tree of counts: nodes by name, links as (from, to, rows). Links of nothing are left out."""

    nodes: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    links: list[tuple[int, int, int]] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    def node(self, name: str, rows: int, *, kept: bool) -> int:
        """The number of a node, which is made where it is new."""
        if name not in self.nodes:
            self.nodes.append(name)
            self.sizes[name] = rows
            if kept:
                self.kept.add(name)
        return self.nodes.index(name)

    def add(self, source: str, target: str, rows: int, *, kept: bool = False) -> None:
        """Rows that go from a node, which is there, to another."""
        if rows > 0:
            self.links.append((self.nodes.index(source), self.node(target, rows, kept=kept), rows))

    def brief(self) -> Flow:
        """The same rows for a narrow screen: units follow the rows directly, and small reasons are one."""
        before = {self.nodes[end]: self.nodes[start] for start, end, _ in self.links}
        ends = set(self.nodes) - set(before.values()) - self.kept
        small = [name for name in ends if self.sizes[name] < _SMALL * self.sizes[self.nodes[0]]]
        names = {name: name for name in self.nodes}
        if len(small) > 1:
            names |= dict.fromkeys(small, f"{len(small)} other reasons")
        if before.get(_FIRST) is not None:
            names[_FIRST] = before[_FIRST]
        links: Counter[tuple[str, str]] = Counter()
        for start, end, rows in self.links:
            links[names[self.nodes[start]], names[self.nodes[end]]] += rows
        made = Flow()
        made.node(self.nodes[0], self.sizes[self.nodes[0]], kept=True)
        into: Counter[str] = Counter()
        for (source, target), rows in links.items():
            into[target] += rows if source != target else 0
        for (source, target), rows in links.items():
            if source != target:
                made.node(target, into[target], kept=target in self.kept)
                made.add(source, target, rows)
        return made


def ledger(data: ReportData) -> Section:
    """A flow and a table per log and dimension."""
    panels = [_panel(data, source) for source in _sources(data)]
    chooser = Chooser("ledger", "Log", "Rows left out", _HEADINGS, panels, ("flow",))
    shown = bool(data.drops) or bool(_inputs(data))
    return Section(
        "ledger", "Where did the rows go?", "Rows", "ledger.html", {}, {}, (chooser,) if shown else ()
    )


def _sources(data: ReportData) -> list[str]:
    """The log of exposures, then those that metrics and their covariates read, then what else lost rows.

    Drops of a whole run do not say which experiments read their log; a dimension is of the log of exposures.
    """
    others = [
        row["source"]
        for row in data.drops
        if row["stage"] == "dimensions"
        or (row["experiment_id"] != NO_EXPERIMENT and row["stage"] != "values")
    ]
    read = [source for metric in _metrics(data) for source in metric.sources]
    return list(dict.fromkeys([data.experiment.exposures, *read, *others]))


def _metrics(data: ReportData) -> list[Metric]:
    """The metrics of the experiment and those that are covariates of them."""
    own = [data.metrics[name] for name in data.experiment.metrics.names if name in data.metrics]
    before = [metric.covariate.metric for metric in own if metric.covariate is not None]
    named = dict.fromkeys([*(metric.name for metric in own), *(name for name in before if name is not None)])
    return [data.metrics[name] for name in named if name in data.metrics]


def _drops(data: ReportData, source: str) -> list[Row]:
    """The rows of a log; values that a metric could not use are with the first log of the metric."""
    homes = {metric.name: metric.sources[0] for metric in _metrics(data) if metric.sources}
    return [
        row
        for row in data.drops
        if source == (homes.get(row["source"]) if row["stage"] == "values" else row["source"])
    ]


def _inputs(data: ReportData) -> dict[str, Row]:
    return {given["source"]: given for given in (data.run or {}).get("inputs") or []}


def _panel(data: ReportData, source: str) -> Panel:
    drops = _drops(data, source)
    given = _inputs(data).get(source)
    exposures = source == data.experiment.exposures and bool(data.exposures)
    flow = _exposure_flow(data, drops, given) if exposures else _event_flow(drops, given)
    figures = {"flow": _figure(flow, source)} if flow.links else {}
    note = "" if exposures else _pairs(drops)
    return Panel(source, [_cells(row) for row in drops], figures, note)


def _exposure_flow(data: ReportData, drops: Sequence[Row], given: Row | None) -> Flow:
    """Rows read, rows of this experiment, first exposures, units analysed."""
    own = _by_reason(
        row for row in drops if row["experiment_id"] != NO_EXPERIMENT and row["stage"] == "exposures"
    )
    none = _by_reason(
        row for row in drops if row["experiment_id"] == NO_EXPERIMENT and row["stage"] == "exposures"
    )
    lost = _by_reason(row for row in drops if row["stage"] == "units")
    assigned = sum(row["units"] for row in data.exposures)
    mine = assigned + own.total()
    flow = Flow()
    if given is not None and given["rows"] is not None:
        flow.node("rows read", given["rows"], kept=True)
        flow.add("rows read", "rows of this experiment", mine, kept=True)
        for reason, rows in none.items():
            flow.add("rows read", reason, rows)
        flow.add("rows read", "rows of other experiments", given["rows"] - none.total() - mine)
    else:
        flow.node("rows of this experiment", mine, kept=True)
    if mine == 0:
        return flow
    flow.add("rows of this experiment", _FIRST, assigned, kept=True)
    for reason, rows in own.items():
        flow.add("rows of this experiment", reason, rows)
    if assigned:
        flow.add(_FIRST, "units analysed", assigned - lost.total(), kept=True)
        for reason, rows in lost.items():
            flow.add(_FIRST, reason, rows)
    return flow


def _event_flow(drops: Sequence[Row], given: Row | None) -> Flow:
    """Rows read, and those that count for a metric of some experiment."""
    flow = Flow()
    if given is None or given["rows"] is None:
        return flow
    flow.node("rows read", given["rows"], kept=True)
    if given["kept"] is not None:
        flow.add("rows read", "rows that count for a metric", given["kept"], kept=True)
    for reason, rows in _by_reason(row for row in drops if row["stage"] == "events").items():
        flow.add("rows read", reason, rows)
    return flow


def _by_reason(rows: Iterable[Row]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["reason"]] += row["rows"]
    return Counter(dict(counts.most_common()))


def _pairs(drops: Sequence[Row]) -> str:
    pairs = _by_reason(row for row in drops if row["stage"] == "pairs")
    if not pairs:
        return ""
    told = ", ".join(f"{rows:,} {drop_words(reason)}" for reason, rows in pairs.items())
    return (
        f"An event is looked at once for every experiment of its unit. In this one it did not count: {told}."
    )


def _figure(flow: Flow, source: str) -> Figure:
    """Where there is little room, `narrow` is drawn: labels of four columns would touch."""
    told = [f"{name} {rows:,}" for name, rows in flow.sizes.items()]
    alt = f"Flow of the rows of {source}: {'; '.join(told)}."
    drawn = figure([_trace(flow)], {}, alt=alt, height=150 + 26 * len(flow.nodes))
    return drawn | {"narrow": [_trace(flow.brief())]}


def _trace(flow: Flow) -> dict[str, Any]:
    labels = [plot_text(f"{name.replace('_', ' ')}  {flow.sizes[name]:,}") for name in flow.nodes]
    colours = [ACCENT if name in flow.kept else MUTED for name in flow.nodes]
    return {
        "type": "sankey",
        "arrangement": "snap",
        "node": {"label": labels, "color": colours, "pad": 18, "thickness": 12, "line": {"width": 0},
                 "hovertemplate": "%{label}<extra></extra>"},
        "link": {
            "source": [start for start, _, _ in flow.links],
            "target": [end for _, end, _ in flow.links],
            "value": [rows for _, _, rows in flow.links],
            "color": ["@band" if flow.nodes[end] in flow.kept else LINE for _, end, _ in flow.links],
            "hovertemplate": "%{source.label} to %{target.label}<extra></extra>",
        },
    }  # fmt: skip


def _cells(row: Row) -> list[Cell]:
    return [
        Cell(f"values of {row['source']}" if row["stage"] == "values" else row["stage"]),
        Cell(row["reason"]),
        Cell(drop_words(row["reason"])),
        Cell(row["variant"] or ""),
        Cell(numbers.count(row["rows"]), row["rows"]),
        Cell(numbers.count(row["units"]), row["units"]),
    ]
