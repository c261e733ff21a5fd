"""Checks on what could not be read: exposures, events and values that would have counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Final

from abspark.analysis.health_row import HealthRow, Row, graded, health_row, percentage, skipped
from abspark.config import Experiment
from abspark.schemas import NO_EXPERIMENT

Unread = Mapping[str, Set[str]]
"""By source, the reasons of `drops` whose rows the ledger left unread, so that nobody has counted them."""

_BEFORE: Final[Mapping[str, Sequence[str]]] = {
    "null_id": (),
    "bad_time": ("null_id",),
    "unknown_variant": ("null_id", "bad_time", "filtered", "outside_interval", "after_as_of"),
}
"""What exposures are lost to, each with the reasons that come before it: their rows were never asked."""
_LOST: Final = {
    "null_id": "have no id of a unit",
    "bad_time": "have no readable time",
    "unknown_variant": "name a variant that is not configured",
}
_ADVICE: Final = {
    "null_id": "Find out why ids are missing, and compare columns.unit with the log: units that are lost are not in "
    "the results, and need not be like the others.",
    "bad_time": "Look at these times in the log, and compare columns.time, time_unit and time_format of the source "
    "with them: these exposures don't count.",
    "unknown_variant": "Compare the keys of the variants with what the log calls them, capitals included: these "
    "exposures don't count.",
}
_NAMELESS_ADVICE: Final = (
    "Look at these rows in the log: lines that are broken, or a column that was mapped wrongly. Exposures of the "
    "experiment may be among them."
)
_OTHERS_ADVICE: Final = (
    "Compare the experiment's id with what the log calls it, capitals and blanks included, and columns.experiment with "
    "the log."
)
_IDS_ADVICE: Final = (
    "Compare columns.unit with the log. Rows of visitors whom nobody knows are no fault; what units did before they "
    "were known doesn't count."
)
_TIMES_ADVICE: Final = (
    "Look at these times in the log, and compare columns.time, time_unit and time_format of the source with them: "
    "these events don't count."
)
_VALUES_ADVICE: Final = (
    "Look at these values in the log: their form (decimal commas, units, text), or rows that never have one. The "
    "metric's where leaves rows out that are not meant; values that are missing pull sums towards 0."
)


def exposures_lost(
    drops: Sequence[Row], profile: Sequence[Row], experiments: Sequence[Experiment], unread: Unread
) -> dict[str, list[HealthRow]]:
    """By experiment: exposures lost for each reason, and rows of its log that may have been some.

    `drops` and `profile` are of all experiments of the run.
    """
    kept = Counter[str]()
    for row in profile:
        kept[row["experiment_id"]] += row["n"]
    dropped: dict[str, Counter[str]] = {experiment.id: Counter() for experiment in experiments}
    logs: dict[str, Counter[str]] = {experiment.exposures: Counter() for experiment in experiments}
    nameless: dict[str, Counter[str]] = {name: Counter() for name in logs}
    for row in drops:
        if row["stage"] == "exposures":
            groups = [dropped.get(row["experiment_id"]), logs.get(row["source"])]
            if row["experiment_id"] == NO_EXPERIMENT:
                groups.append(nameless.get(row["source"]))
            for group in groups:
                if group is not None:
                    group[row["reason"]] += row["rows"]
    in_log = Counter({name: rows.total() for name, rows in logs.items()})
    for experiment in experiments:
        in_log[experiment.exposures] += kept[experiment.id]
    return {
        e.id: [
            *_by_reason(dropped[e.id], kept[e.id], e, unread.get(e.exposures, frozenset())),
            _nameless(
                nameless[e.exposures],
                in_log[e.exposures],
                dropped[e.id].total() + kept[e.id],
                e,
                unread.get(e.exposures, frozenset()),
            ),
        ]
        for e in experiments
    }


def _by_reason(dropped: Counter[str], kept: int, experiment: Experiment, unread: Set[str]) -> list[HealthRow]:
    everything = dropped.total() + kept
    return [
        _lost(reason, dropped[reason], everything - sum(dropped[r] for r in before), experiment, unread)
        for reason, before in _BEFORE.items()
    ]


def _lost(reason: str, lost: int, asked: int, experiment: Experiment, unread: Set[str]) -> HealthRow:
    check, where = "exposures_lost", {"slice_name": "reason", "slice_value": reason}
    if reason in unread:
        why = f"With ledger: read rows of {experiment.exposures} without a time are left unread."
        return skipped(experiment, check, why, **where)
    if not asked:
        return skipped(experiment, check, "No exposures.", **where)
    share = lost / asked
    return graded(
        experiment,
        check,
        experiment.health.exposures_lost,
        share,
        advice=_ADVICE[reason],
        observed=f"{lost:,} of {asked:,} exposures ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of the exposures {_LOST[reason]}.",
        **where,
    )


def _nameless(
    lost: Counter[str], in_log: int, named: int, experiment: Experiment, unread: Set[str]
) -> HealthRow:
    """Rows without id or time that name no experiment of the run: its own, or those of others, where there are such.

    Where none is `named` the experiment's, and there are those of others, its id may be spelled otherwise in the log.
    """
    source = experiment.exposures
    check, where = "exposures_lost", {"slice_name": "source", "slice_value": source}
    if not named and "other_experiment" not in unread and lost["other_experiment"]:
        return health_row(
            experiment,
            check,
            "warn",
            observed=f"0 of {in_log:,} rows",
            expected="some",
            message=f"None of the rows in {source} names the experiment {experiment.id}; they name others.",
            advice=_OTHERS_ADVICE,
            **where,
        )
    why = None
    if "other_experiment" in unread:
        why = f"With ledger: read rows of {source} that name no experiment of the run are left unread."
    elif lost["other_experiment"]:
        why = f"{source} has rows of other experiments, so one that names none of the run's may be theirs."
    elif not in_log:
        why = f"{source} has no rows."
    if why is not None:
        return skipped(experiment, check, why, **where)
    rows = lost["null_id"] + lost["bad_time"]
    share = rows / in_log
    return graded(
        experiment,
        check,
        experiment.health.exposures_lost,
        share,
        advice=_NAMELESS_ADVICE,
        observed=f"{rows:,} of {in_log:,} rows ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of the rows in {source} name no experiment of the run, and have no id of a unit "
        "or no readable time.",
        **where,
    )


def events_lost(
    source: str, read: int | None, lost: Mapping[str, int], experiment: Experiment, unread: Set[str]
) -> list[HealthRow]:
    """Rows of an event log without a unit's id, or without a time; `lost` are its drops by reason."""
    health, total = experiment.health, read or 0
    without_id, without_time = lost.get("null_id", 0), lost.get("bad_time", 0)
    where = {"slice_name": "source", "slice_value": source}

    def graded_or_skipped(check: str, rows: int, asked: int, what: str, advice: str) -> HealthRow:
        if not asked:
            return skipped(experiment, check, f"{source} has no rows.", **where)
        share = rows / asked
        return graded(
            experiment,
            check,
            getattr(health, check),
            share,
            advice=advice,
            observed=f"{rows:,} of {asked:,} rows ({percentage(share)})",
            expected="none",
            message=f"{percentage(share)} of the rows in {source} have no {what}.",
            **where,
        )

    ids = graded_or_skipped("events_without_id", without_id, total, "id of a unit", _IDS_ADVICE)
    if "bad_time" in unread:
        why = f"With ledger: read rows of {source} without a time are left unread."
        return [ids, skipped(experiment, "events_without_time", why, **where)]
    asked = total - without_id
    return [
        ids,
        graded_or_skipped("events_without_time", without_time, asked, "readable time", _TIMES_ADVICE),
    ]


def values_check(experiment: Experiment, source: str, metric: str, *, wanted: int, bad: int) -> HealthRow:
    """The health row `bad_values`: of the rows in a source that a metric wants a value of, some are `bad`."""
    check, where = "bad_values", {"slice_name": "source: metric", "slice_value": f"{source}: {metric}"}
    if not wanted:
        why = f"{metric} wants no row of {source} in the time of its windows."
        return skipped(experiment, check, why, **where)
    share = bad / wanted
    return graded(
        experiment,
        check,
        experiment.health.bad_values,
        share,
        advice=_VALUES_ADVICE,
        observed=f"{bad:,} of {wanted:,} rows ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of the rows in {source} that {metric} wants a value of have none that it can "
        "use.",
        **where,
    )
