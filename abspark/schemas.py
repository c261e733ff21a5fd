"""Schema, key and meaning of every table in the lake, free of Spark so that readers without Spark can use it.

A table is a tuple of columns with Spark SQL types. Every table begins with `run_id`; a row that concerns no experiment
has experiment_id `*`. NULL means not applicable or undefined. Columns may be added, never renamed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from abspark.table_shape import Table, columns

SCHEMA_VERSION: Final = 1
NO_EXPERIMENT: Final = "*"
TOO_LARGE: Final = 1e150
"""Values from here on, on either side of 0, are of no use: variances sum up squares, and doubles end at 1.8e308."""
SAMPLE: Final = 16
"""One unit of so many is in the sample for what would cost too much to tell of all of them."""
SAMPLED: Final = "sample"
"""Stage of drops that were told of the sample alone; another row counts them too."""

_RUN = ("run_id", "string", "the run that wrote the row")
_EXPERIMENT = ("experiment_id", "string", "the experiment; `*` where the row concerns none")
_UNIT_KEY = (
    ("unit_key_hi", "bigint", "first 64 bits of the unit's 128-bit key"),
    ("unit_key_lo", "bigint", "last 64 bits of the unit's 128-bit key"),
)
_SEGMENT = (
    ("segment_name", "string", "the attribute; NULL = everyone"),
    ("segment_value", "string", "its value at first exposure; `(missing)`, `(other)`; NULL = everyone"),
)
_DAY = ("day", "date", "last day included; that day may be partial")
_DAY_OR_NOT = ("day", "date", "last day included; that day may be partial; NULL where exposure_day is given")
_EXPOSURE_DAY = (
    "exposure_day",
    "int",
    "last day since exposure included, 0 being its first 24 hours, in rows that have no `day`; else NULL",
)

VARIABLES: Final = ("num", "den", "pre_num", "pre_den")
"""The four variables of a moments row, in the order of every mean vector and covariance matrix."""

COVARIANCE_PAIRS: Final = tuple(
    (first, second) for index, first in enumerate(VARIABLES) for second in VARIABLES[index + 1 :]
)

ASSIGNMENTS: Final = Table(
    "assignments",
    "one unit in one experiment: its first valid exposure",
    ("experiment_id", "unit_key_hi", "unit_key_lo"),
    columns(
        _RUN,
        _EXPERIMENT,
        *_UNIT_KEY,
        ("unit_id", "string", "the unit as logged, or its keyed pseudonym"),
        ("variant", "string", "the variant of the first exposure (of a tie: the first in configured order)"),
        ("first_exposure_at", "timestamp", "UTC instant of the first valid exposure"),
        ("second_variant_at", "timestamp", "first instant of a variant other than the first; NULL if none"),
        ("exposures", "bigint", "valid exposure rows of the unit, the first included"),
        ("variants_seen", "array<string>", "distinct variants over the valid exposures, in configured order"),
        ("excluded_reason", "string", "`tied_variants`, `multiple_variants`; NULL = analysed"),
        ("expected_variant", "string", "the variant the hash gives; NULL where none or not derivable"),
        ("bucket", "bigint", "the bucket the hash gives, in the scheme's own scale; NULL beside pseudonyms"),
        ("hash_status", "string", "match, mismatch, not_allocated, override, not_derivable"),
        ("attributes", "array<string>", "attributes of the first exposure, in configured order"),
    ),
)

UNIT_METRICS: Final = Table(
    "unit_metrics",
    "one metric of one unit in one experiment",
    ("experiment_id", "unit_key_hi", "unit_key_lo", "metric"),
    columns(
        _RUN,
        _EXPERIMENT,
        *_UNIT_KEY,
        ("metric", "string", "the metric"),
        ("num", "double", "numerator within its cap; without events 0 within it (`time_to`: the length)"),
        ("den", "double", "denominator; NULL for metrics without one"),
        ("pre_num", "double", "numerator before exposure; NULL without covariate"),
        ("pre_den", "double", "denominator before exposure; NULL without covariate or denominator"),
        ("complete", "boolean", "whether the unit's window had ended when the data ended"),
    ),
)

MOMENTS: Final = Table(
    "moments",
    "sufficient statistics of one metric in one variant (and segment value), up to and with one day",
    ("experiment_id", "variant", "metric", "segment_name", "segment_value", "day", "exposure_day"),
    columns(
        _RUN,
        _EXPERIMENT,
        ("variant", "string", "the variant"),
        ("metric", "string", "the metric"),
        *_SEGMENT,
        _DAY_OR_NOT,
        ("n", "bigint", "units analysed"),
        ("n_complete", "bigint", "units among n whose window is complete"),
        *((f"mean_{name}", "double", f"mean of {name} over the n units") for name in VARIABLES),
        *((f"var_{name}", "double", f"sample variance of {name} (ddof = 1)") for name in VARIABLES),
        *(
            (f"cov_{first}_{second}", "double", f"sample covariance of {first} and {second} (ddof = 1)")
            for first, second in COVARIANCE_PAIRS
        ),
        (
            "n_units",
            "bigint",
            "units that the window policy lets in; more than n where units without events leave",
        ),
        ("n_history", "bigint", "units with an event before exposure; NULL without covariate"),
        ("cap_lower", "double", "lower bound of the values of units; NULL: none"),
        ("cap_upper", "double", "upper bound of the values of units; NULL: none"),
        ("n_capped", "bigint", "units beyond a bound; NULL without bounds, and on days before the last"),
        _EXPOSURE_DAY,
        (
            "complete_until",
            "timestamp",
            "up to when the metric's logs were complete, a trigger's as long later as the windows that it begins, "
            "seen from as_of or the run's start, the earlier; NULL on days before the last",
        ),
    ),
)

QUANTILES: Final = Table(
    "quantiles",
    "a quantile of one metric in one variant (and segment value), with the order statistics that bound it",
    ("experiment_id", "variant", "metric", "segment_name", "segment_value", "day", "q"),
    columns(
        _RUN,
        _EXPERIMENT,
        ("variant", "string", "the variant"),
        ("metric", "string", "the metric"),
        *_SEGMENT,
        _DAY,
        ("q", "double", "the share of values at or below it, between 0 and 1"),
        ("value", "double", "the smallest value with at least that share at or below it"),
        ("rank", "bigint", "its rank, counted from 1 in ascending order"),
        ("rank_low", "bigint", "rank of the interval's lower end; 0: there are too few values"),
        ("rank_high", "bigint", "rank of the interval's upper end; n + 1: there are too few values"),
        ("value_low", "double", "value at rank_low; NULL where there is no such rank"),
        ("value_high", "double", "value at rank_high; NULL where there is no such rank"),
        ("n", "bigint", "values: units, or events where the quantile is of those"),
        ("n_clusters", "bigint", "units whose values they are"),
        (
            "ties",
            "bigint",
            "ranks from rank_low to rank_high that one value has, at most; 1: no two are equal",
        ),
    ),
)

RESULTS: Final = Table(
    "results",
    "one comparison of a treatment with the control on one metric",
    (
        "experiment_id",
        "metric",
        "treatment",
        "segment_name",
        "segment_value",
        "day",
        "exposure_day",
        "method",
        "estimator",
    ),
    columns(
        _RUN,
        _EXPERIMENT,
        ("metric", "string", "the metric"),
        ("treatment", "string", "the variant compared with the control"),
        *_SEGMENT,
        _DAY_OR_NOT,
        ("method", "string", "fixed, group_sequential, anytime, bayesian"),
        ("estimator", "string", "unadjusted, cuped"),
        ("headline", "boolean", "whether this estimator is the configured one"),
        ("role", "string", "primary, secondary, guardrail"),
        ("control", "string", "the control variant"),
        ("n_control", "bigint", "units in control"),
        ("n_treatment", "bigint", "units in the treatment"),
        ("mean_control", "double", "raw mean (ratio of means for a ratio) in control"),
        ("mean_treatment", "double", "raw mean (ratio of means for a ratio) in the treatment"),
        ("mean_control_adjusted", "double", "mean in control after covariate adjustment"),
        ("mean_treatment_adjusted", "double", "mean in the treatment after covariate adjustment"),
        ("effect", "double", "treatment - control, adjusted where the estimator is"),
        ("effect_low", "double", "lower end of the effect's interval"),
        ("effect_high", "double", "upper end of the effect's interval"),
        ("relative_effect", "double", "effect / mean_control; bayesian: of treatment / control - 1"),
        ("relative_low", "double", "lower end of the relative effect's interval"),
        ("relative_high", "double", "upper end of the relative effect's interval"),
        ("std_error", "double", "standard error of the effect"),
        ("statistic", "double", "test statistic of no effect"),
        ("dof", "double", "degrees of freedom; NULL for a normal reference"),
        ("p_value", "double", "p-value of no effect"),
        ("p_adjusted", "double", "p-value adjusted within the family; NULL outside it"),
        ("alpha", "double", "level of the test"),
        (
            "significant",
            "boolean",
            "whether p_adjusted, else p_value, is below alpha; of a sequential method whether at any look so far. NULL "
            "while there is no verdict (see reason), and with method bayesian, of which prob_better tells",
        ),
        ("variance_reduction", "double", "share of the effect's variance removed by the covariate"),
        ("share_complete", "double", "units with a complete window / units, both arms"),
        ("information_fraction", "double", "information so far / information planned"),
        ("boundary", "double", "stopping boundary on the statistic's scale"),
        (
            "alpha_spent",
            "double",
            "cumulative alpha spent; anytime: by looks of another method or scale before",
        ),
        (
            "stopped_p_value",
            "double",
            "stage-wise p-value, from the look on at which a group sequential test stopped",
        ),
        ("stopped_effect", "double", "median-unbiased estimate of the effect, from that look on"),
        ("stopped_low", "double", "lower end of its interval"),
        ("stopped_high", "double", "upper end of its interval"),
        (
            "futility_boundary",
            "double",
            "boundary for futility on the statistic's scale; NULL: never at this look",
        ),
        (
            "futile",
            "boolean",
            "whether the statistic was beyond it at the last look, so that going on is futile; non-binding",
        ),
        ("prob_better", "double", "posterior probability that the treatment is better"),
        (
            "prob_best",
            "double",
            "posterior probability that the treatment is the best of all variants; control has what is left of 1",
        ),
        ("expected_loss_treatment", "double", "posterior expected loss of choosing the treatment"),
        ("expected_loss_control", "double", "posterior expected loss of choosing the control"),
        ("margin", "double", "tolerated worsening of a guardrail, as configured, > 0"),
        ("non_inferior", "boolean", "whether worsening by the margin or more is ruled out"),
        ("reason", "string", "why numbers are NULL"),
        _EXPOSURE_DAY,
        (
            "harmed",
            "boolean",
            "whether a guardrail is worse than its margin, without one worse at all; in sequential tests at any look "
            "so far",
        ),
    ),
)

HEALTH: Final = Table(
    "health",
    "one check of one experiment (and slice)",
    ("experiment_id", "check", "slice_name", "slice_value"),
    columns(
        _RUN,
        _EXPERIMENT,
        ("check", "string", "the check"),
        ("slice_name", "string", "what the check was sliced by; NULL = everyone"),
        ("slice_value", "string", "the slice"),
        ("status", "string", "pass, warn, fail, skipped"),
        ("statistic", "double", "test statistic"),
        ("p_value", "double", "p-value"),
        ("threshold", "double", "level at which the status changes"),
        ("observed", "string", "what was seen"),
        ("expected", "string", "what should have been seen"),
        ("message", "string", "what the check says"),
        ("advice", "string", "what to do about it"),
    ),
)

DROPS: Final = Table(
    "drops",
    "rows left out for one reason",
    ("experiment_id", "stage", "source", "reason", "variant"),
    columns(
        _RUN,
        _EXPERIMENT,
        (
            "stage",
            "string",
            "exposures, dimensions, units, events, pairs, values, or sample: of pairs, counted there too",
        ),
        ("source", "string", "the source (stage values: the metric)"),
        ("reason", "string", "why"),
        ("variant", "string", "the variant where the row has one"),
        ("rows", "bigint", "rows"),
        ("units", "bigint", "distinct units; NULL where rows have none or they were not counted"),
    ),
)

DECISIONS: Final = Table(
    "decisions",
    "the verdict on one experiment",
    ("experiment_id",),
    columns(
        _RUN,
        _EXPERIMENT,
        ("decision", "string", "the verdict"),
        ("reasons", "array<string>", "why, in sentences"),
    ),
)

LOOKS: Final = Table(
    "looks",
    "one look of a sequential analysis; a run has those of the committed run before, as they were, and its own",
    ("experiment_id", "metric", "treatment", "day", "control"),
    columns(
        _RUN,
        _EXPERIMENT,
        ("metric", "string", "the metric"),
        ("treatment", "string", "the variant compared with the control"),
        _DAY,
        ("information", "double", "statistical information at the look"),
        ("alpha_spent", "double", "cumulative alpha spent up to the look"),
        ("boundary", "double", "stopping boundary at the look"),
        ("statistic", "double", "test statistic at the look"),
        ("backfilled", "boolean", "whether the look was made after its day"),
        ("planned_statistic", "double", "statistic expected under the planned effect; NULL without futility"),
        ("beta_spent", "double", "cumulative beta spent up to the look; NULL without futility"),
        (
            "futility_boundary",
            "double",
            "boundary for futility at the look, with the statistic's sign; NULL: never",
        ),
        (
            "scale",
            "string",
            "what information counts: harmonic_units (product of the arms' units / their sum), or relative_precision "
            "(of the control mean); units, or NULL before it was recorded, in looks of earlier versions",
        ),
        (
            "control",
            "string",
            "the control that the treatment was compared with; NULL, which stands for today's, in looks of earlier "
            "versions",
        ),
    ),
)

_INPUT = (
    "array<struct<source: string, location: string, version: bigint, list_hash: string, files: array<string>, "
    "rows: bigint, kept: bigint, predicate: string, not_read: bigint>>"
)

_COST = (
    "array<struct<stage: string, seconds: double, cpu_seconds: double, tasks: bigint, rows_in: bigint, "
    "rows_out: bigint, rows_shuffled: bigint, bytes_read: bigint, bytes_shuffled: bigint, "
    "bytes_spilled_memory: bigint, bytes_spilled_disk: bigint, skew: double>>"
)

RUNS: Final = Table(
    "runs",
    "one record of one run: the first when it starts, the last when it ends; the latest counts",
    ("run_id", "recorded_at"),
    columns(
        _RUN,
        ("recorded_at", "timestamp", "when this record was written"),
        ("started_at", "timestamp", "start of the run"),
        ("finished_at", "timestamp", "end of the run; NULL while it runs"),
        ("status", "string", "running, committed, partly_committed, failed, conflict"),
        ("experiments", "map<string,string>", "status per experiment, with the reason where it failed"),
        ("predecessors", "map<string,string>", "the committed run per experiment when this run started"),
        ("as_of", "timestamp", "event time cut"),
        ("configuration_hash", "string", "SHA-256 of the configuration as resolved"),
        ("code_version", "string", "abspark's version"),
        ("spark_version", "string", "Spark's version"),
        ("delta_version", "string", "Delta's version; NULL without Delta"),
        ("schema_version", "int", "version of these schemas"),
        (
            "inputs",
            _INPUT,
            "what was read: table and version, or the file list; a hash of when they were written",
        ),
        ("seconds", "map<string,double>", "seconds per stage"),
        ("costs", _COST, "what each stage cost by Spark's metrics, which are NULL where it tells none"),
    ),
)

RUNNING_AT_MOST: Final = timedelta(hours=24)
"""A run whose last record still says `running` is taken for dead this long after its start."""

COMMITS: Final = Table(
    "commits",
    "the committed run of one experiment: the only switch by which rows count",
    ("experiment_id",),
    columns(
        _EXPERIMENT,
        ("run_id", "string", "the run whose rows count"),
        ("previous_run_id", "string", "the run whose rows counted before; NULL for the first"),
        ("committed_at", "timestamp", "when"),
    ),
)

TABLES: Final = {
    table.name: table
    for table in (
        ASSIGNMENTS, UNIT_METRICS, MOMENTS, QUANTILES, RESULTS, LOOKS, HEALTH, DROPS, DECISIONS, RUNS, COMMITS,
    )
}  # fmt: skip
