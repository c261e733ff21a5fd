"""Health checks: whether the results of an experiment are to be believed.

A check never changes a number; it stands beside it, with a sentence of explanation and one of advice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from abspark.analysis.by_experiment import rows_by_experiment
from abspark.analysis.health_arrival import Arrivals, arrival_checks
from abspark.analysis.health_exposure import exposure_checks
from abspark.analysis.health_hash import hash_checks
from abspark.analysis.health_ledger import SourceCount, drops_balanced, event_checks
from abspark.analysis.health_lost import Unread, exposures_lost
from abspark.analysis.health_row import HealthRow, Row
from abspark.analysis.health_several import several_variants_checks
from abspark.analysis.health_srm import segment_checks, srm_checks
from abspark.analysis.health_traffic import traffic_checks
from abspark.config import Experiment

__all__ = ["Arrivals", "SourceCount", "health"]

_NO_ARRIVALS: Mapping[str, Sequence[Arrivals]] = {}
_NO_BOTS: Mapping[str, Sequence[Row]] = {}
_ALL_READ: Unread = {}
_NO_SOURCES: Mapping[str, Sequence[SourceCount]] = {}


def health(
    profile: Sequence[Row],
    experiments: Sequence[Experiment],
    *,
    segments: Sequence[Row] = (),
    drops: Sequence[Row] = (),
    sources: Mapping[str, Sequence[SourceCount]] = _NO_SOURCES,
    arrivals: Mapping[str, Sequence[Arrivals]] = _NO_ARRIVALS,
    bots: Mapping[str, Sequence[Row]] = _NO_BOTS,
    attributes: Sequence[Row] = (),
    unread: Unread = _ALL_READ,
    as_of: datetime | None = None,
) -> list[HealthRow]:
    """Health rows (all columns but run_id) of all checks.

    `profile` are assignments and `segments` their segment values, counted as `abspark.pipeline.profiles` counts
    them; `drops` the run's rows of that table; `sources` the event sources that each experiment's metrics read;
    `arrivals` the same and the exposures' own; `bots` the units over a limit, of experiments where there is a limit;
    `attributes` as `segments`, of attributes that are none, where there are mismatches to explain; `unread` what the
    ledger did not count; `as_of` the run's, None where units may have ended with their last day.
    """
    rows: list[HealthRow] = []
    lost = exposures_lost(drops, profile, experiments, unread)
    profiles, values, explaining = map(rows_by_experiment, (profile, segments, attributes))
    for experiment in experiments:
        mine, valued = profiles.get(experiment.id, []), values.get(experiment.id, [])
        rows += srm_checks(mine, experiment)
        rows += segment_checks(valued, experiment)
        rows += several_variants_checks(mine, experiment)
        rows += hash_checks(mine, [*valued, *explaining.get(experiment.id, ())], experiment)
        rows += drops_balanced(drops, mine, experiment)
        rows += lost[experiment.id]
        exposed = all(row["status"] in ("pass", "skipped") for row in lost[experiment.id])
        counts = sources.get(experiment.id, ())
        rows += event_checks(drops, counts, experiment, unread=unread, exposed=exposed)
        rows += exposure_checks(drops, mine, bots.get(experiment.id), experiment)
        rows += arrival_checks(arrivals.get(experiment.id, ()), experiment)
        rows += traffic_checks(mine, experiment, as_of)
    return rows
