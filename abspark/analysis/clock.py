"""What time it is for a run: which experiments and which of their days are over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from abspark.analysis.comparisons import QUANTILE, Comparison, Row, verdict_at
from abspark.config import Experiment, Metric, windows_over

_SPARSE: Final = timedelta(days=1)
"""A log that is complete up to so near the end of windows is so up to the end: there is no event at every instant."""


@dataclass(frozen=True)
class Clock:
    """What time it is: the run's cut of event time, and when each experiment's last window is over.

    `started_at` is when the run began. An `as_of` may lie ahead of it; nothing ahead of it is a look, as looks stay on
    record for good. `behind` are the metrics, by experiment and name, whose logs do not reach the end of their windows,
    and up to when these are complete.
    """

    as_of: datetime
    verdicts: Mapping[str, datetime]
    started_at: datetime
    behind: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    @property
    def seen(self) -> datetime:
        """Up to when looks go: `as_of`, or the run's start where that is earlier."""
        return min(self.as_of, self.started_at)

    def over(self, experiment: Experiment) -> bool:
        """Whether the experiment and all of its windows are over; where it has looks, not by an `as_of` ahead."""
        until = self.seen if experiment.analysis.sequential else self.as_of
        return until >= self.verdicts[experiment.id]

    def day_over(self, pair: Comparison) -> bool:
        """Whether nothing more can come to the comparison's day.

        Where there is no day series the run ends the day, but for the last, which has one look: when all is over. A run
        whose `as_of` lies ahead ends none.
        """
        midnight = datetime.combine(pair.day + timedelta(days=1), time(), zone_of(pair.experiment))
        daily = pair.experiment.series.enabled and pair.metric.form != QUANTILE
        ends_here = not daily and pair.day != self.last_day(pair.experiment) and self.seen == self.as_of
        return self.seen >= midnight or self.over(pair.experiment) or ends_here

    def last_day(self, experiment: Experiment) -> date:
        """The local day on which the experiment's last window is over."""
        instant = self.verdicts[experiment.id] - timedelta(microseconds=1)
        return instant.astimezone(zone_of(experiment)).date()


def clock(
    as_of: datetime,
    experiments: Sequence[Experiment],
    metrics: Mapping[str, Metric],
    *,
    started_at: datetime | None = None,
    moments: Sequence[Row] = (),
) -> Clock:
    """The clock of a run; one that has no `started_at` began at `as_of`. `moments` tell how far logs are complete."""
    verdicts = {experiment.id: verdict_at(experiment, metrics) for experiment in experiments}
    known = {(row["experiment_id"], row["metric"]): row.get("complete_until") for row in moments}
    behind = {
        (experiment.id, name): until
        for experiment in experiments
        for name in experiment.metrics.names
        if (until := known.get((experiment.id, name))) is not None
        and until < windows_over(experiment, [metrics[name]]) - _SPARSE
    }
    return Clock(as_of, verdicts, as_of if started_at is None else started_at, behind)


def zone_of(experiment: Experiment) -> ZoneInfo:
    """The zone of the experiment's days."""
    return ZoneInfo(experiment.series.time_zone)
