"""What a report is made from: rows of the tables and the configuration that made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from abspark.config import Experiment, Metric
from abspark.decided import Statistics, decided_by, statistics_on_record

Row = Mapping[str, Any]
Standing = Literal["better", "worse", "open", "unjudged", "undefined"]
"""`open`: tested and not shown to differ; `unjudged`: nothing was tested, or not yet."""
Comparison = tuple[str, str]
"""Metric and treatment."""

BAYESIAN: Final = "bayesian"
_TOO_EARLY: Final = frozenset({"not_finished", "below_min_sample_size"})
"""Reasons of rows that have a posterior and are not to be judged by it yet."""


@dataclass(frozen=True)
class ReportData:
    """Committed rows of one experiment, as plain dictionaries; what is not there is empty or None.

    Attributes:
        results: those by day; `since_exposure` those by days since exposure.
        exposures: `variant`, `day` and `units` by first exposure.
        run: the record of the committed run.
        commit: the row of `commits`; None where no run is committed.
        lake: where the tables are; None where the rows come from no lake.
        dated: whether the experiment's interval means something.
        configuration_changed: whether the run's configuration was another than `experiment` and `metrics` are of.
    """

    experiment: Experiment
    metrics: Mapping[str, Metric]
    made_at: datetime
    results: Sequence[Row] = ()
    health: Sequence[Row] = ()
    drops: Sequence[Row] = ()
    looks: Sequence[Row] = ()
    quantiles: Sequence[Row] = ()
    exposures: Sequence[Row] = ()
    decision: Row | None = None
    run: Row | None = None
    commit: Row | None = None
    lake: str | None = None
    dated: bool = True
    since_exposure: Sequence[Row] = ()
    configuration_changed: bool = False
    _of: dict[Comparison, list[Row]] = field(init=False, repr=False, default_factory=dict)
    _on_record: dict[Comparison, Statistics] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the headline rows of everyone, by comparison and day."""
        rows = [row for row in self.results if row["headline"] and row["segment_name"] is None]
        for row in sorted(rows, key=lambda row: row["day"]):
            self._of.setdefault((row["metric"], row["treatment"]), []).append(row)
        self._on_record.update(statistics_on_record(self.looks, rows))

    @property
    def comparisons(self) -> list[Comparison]:
        """What has headline results: metrics by role, then treatments, as configured."""
        order = {name: place for place, name in enumerate(self.experiment.metrics.names)}
        treatments = {name: place for place, name in enumerate(self.experiment.treatments)}
        last = len(order) + len(treatments)
        return sorted(self._of, key=lambda pair: (order.get(pair[0], last), treatments.get(pair[1], last)))

    @property
    def treatments(self) -> list[str]:
        """Treatments with headline results, as configured."""
        return list(dict.fromkeys(sorted((t for _, t in self.comparisons), key=self._place)))

    def _place(self, treatment: str) -> int:
        known = self.experiment.treatments
        return known.index(treatment) if treatment in known else len(known)

    def series(self, comparison: Comparison) -> list[Row]:
        """Headline rows of everyone, by day."""
        return self._of.get(comparison, [])

    def by_exposure_day(self, comparison: Comparison) -> list[Row]:
        """Headline rows of everyone, by days since exposure."""
        mine = [
            row
            for row in self.since_exposure
            if row["headline"]
            and row["segment_name"] is None
            and (row["metric"], row["treatment"]) == comparison
        ]
        return sorted(mine, key=lambda row: row["exposure_day"])

    def latest(self, comparison: Comparison) -> Row:
        """The headline row of everyone on the latest day."""
        return self._of[comparison][-1]

    def headlines(self) -> list[Row]:
        """The latest headline row of each comparison."""
        return [self.latest(comparison) for comparison in self.comparisons]

    def direction(self, metric: str) -> int:
        """+1 where more is better, -1 where less is."""
        known = self.metrics.get(metric)
        return 1 if known is None else known.better

    def margin(self, row: Row) -> float | None:
        """The effect that uses up a guardrail's margin, relative to the control mean; None without one."""
        for given in self.experiment.metrics.guardrails:
            if given.metric != row["metric"] or given.margin is None:
                continue
            if given.margin.relative is not None:
                return -self.direction(row["metric"]) * given.margin.relative
            if given.margin.absolute is not None and (row["mean_control"] or 0) > 0:
                return -self.direction(row["metric"]) * given.margin.absolute / float(row["mean_control"])
        return None

    def margin_is_relative(self, metric: str) -> bool:
        """Whether a guardrail's margin is a share of the control mean."""
        return any(
            given.metric == metric and given.margin is not None and given.margin.relative is not None
            for given in self.experiment.metrics.guardrails
        )

    def standing(self, row: Row) -> Standing:
        """Whether the row shows the treatment to be better or worse in the metric's direction."""
        if row["effect"] is None:
            return "undefined"
        if row["method"] == BAYESIAN:
            probability, tail = row["prob_better"], row["alpha"] / 2
            if probability is None or row["reason"] in _TOO_EARLY:
                return "unjudged"
            return "better" if probability > 1 - tail else "worse" if probability < tail else "open"
        if row["significant"] is None:
            return "unjudged"
        if not row["significant"]:
            return "open"
        return "better" if self.direction(row["metric"]) * self._side(row) > 0 else "worse"

    def _side(self, row: Row) -> float:
        """A number with the sign of what made a significant row so."""
        comparison = (row["metric"], row["treatment"])
        path = self.series(comparison)
        decided = decided_by(path, self._on_record.get(comparison, {})) if row in path else None
        return float(row["effect"]) if decided is None else decided.statistic

    def failing(self) -> list[Row]:
        """The health checks that say not to trust the results."""
        return [row for row in self.health if row["status"] == "fail"]
