"""Every assignment derived again from its hash, in one lazy pass without a shuffle.

What the schemes need travels as small broadcast tables, never as a CASE per experiment: one row of
parameters per experiment and period, and one row per segment of each stage. The buckets are computed
between two joins, so that a filter on the outcome above cannot be pushed below them and the hash evaluated
twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.assignment.compiled import DatedPlan, dated_plans, hashed_attribute, overrides_of
from abspark.assignment.kernels import KERNELS
from abspark.assignment.plan import ID_FORMS, IN, Stage, json_text
from abspark.config import Experiment
from abspark.local_frame import local_frame

_PLAN = "_plan"
_UNIT = "_unit"
_FORCED = "_forced"
_HASHED = "_hashed"
_UNKNOWN = "_unknown"
_ID_RULE = ("_empty string", "_only string", "_lost boolean", "_json boolean", "_attribute int")
_ESCAPED = ("\\", '"', *map(chr, range(32)))
"""The characters that JSON text has escaped, the one that comes with every escape first."""
_NO_ATTRIBUTES: Mapping[str, Sequence[str]] = {}
_STAGE = "kernel int, prefix string, suffix string, seed bigint, modulus bigint, offset bigint"
_STAGE_FIELDS = tuple(field.split()[0] for field in _STAGE.split(", "))


class _Row(NamedTuple):
    experiment_id: str
    number: int
    dated: DatedPlan
    attribute: int | None

    def stage(self, name: str) -> Stage | None:
        if name == "split":
            return self.dated.plan.split
        gates = self.dated.plan.gates
        position = int(name)
        return gates[position] if position < len(gates) else None


def derive(
    assignments: DataFrame,
    experiments: Sequence[Experiment],
    *,
    attributes: Mapping[str, Sequence[str]] = _NO_ATTRIBUTES,
    overrides: DataFrame | None = None,
) -> DataFrame:
    """Add expected_variant, bucket (bigint) and hash_status; rows and all other columns stay as they are.

    `assignments` has at least experiment_id, unit_id, variant and first_exposure_at. hash_status:
    `override`: the unit is listed under `overrides` and its variant is the one listed; `match` and
    `mismatch`: the recorded variant is or is not the expected one (the override where there is one, else
    the hash's); `not_allocated`: the hash gives no variant, so expected_variant is NULL; `not_derivable`:
    nothing to compare with (scheme none, an experiment that is not given, an exposure before the first
    entry of `history`), expected_variant and bucket NULL. bucket is on the scheme's own scale, of the stage
    that decided: the first gate that did not let the unit in, else the split.

    `attributes` names those of each exposure source in the order of the column `attributes`, for experiments that
    hash one of them; where it is NULL there is nothing to compare with. `overrides` are forced units that a source
    lists: experiment_id, unit_id (together unique) and variant.
    """
    rows = _rows(experiments, attributes)
    kernels = _kernels(rows)
    frame = _with_hashed(_with_parameters(assignments, rows, kernels), rows)
    frame = frame.select(
        "*", *(_bucket(name, used).alias(f"_bucket_{name}") for name, used in kernels.items())
    )
    frame = reduce(lambda joined, name: _with_outcome(joined, rows, name), kernels, frame)
    frame = _with_overrides(frame, experiments, overrides)
    return frame.select(*(F.col(f"`{name}`") for name in assignments.columns), *_verdict(list(kernels)[:-1]))


def _rows(experiments: Sequence[Experiment], attributes: Mapping[str, Sequence[str]]) -> list[_Row]:
    dated = [(experiment, plan) for experiment in experiments for plan in dated_plans(experiment)]
    return [
        _Row(experiment.id, number, plan, _place(experiment, attributes))
        for number, (experiment, plan) in enumerate(dated)
    ]


def _place(experiment: Experiment, attributes: Mapping[str, Sequence[str]]) -> int | None:
    name = hashed_attribute(experiment)
    return None if name is None else list(attributes[experiment.exposures]).index(name)


def _kernels(rows: Sequence[_Row]) -> dict[str, list[str]]:
    """Of each stage, gates first, the kernels that any experiment has there."""
    gates = max((len(row.dated.plan.gates) for row in rows), default=0)
    names = [*(str(index) for index in range(gates)), "split"]
    stages = {name: [stage for row in rows if (stage := row.stage(name)) is not None] for name in names}
    return {name: sorted({stage.kernel for stage in given}) for name, given in stages.items()}


def _with_parameters(
    frame: DataFrame, rows: Sequence[_Row], kernels: Mapping[str, Sequence[str]]
) -> DataFrame:
    columns = [f"_{name}_{column}" for name in kernels for column in _STAGE.split(", ")]
    ddl = ", ".join(
        ["_experiment string", "_since bigint", "_until bigint", f"{_PLAN} int", *_ID_RULE, *columns]
    )
    values = [
        (
            *(row.experiment_id, row.dated.since, row.dated.until, row.number),
            *_id_rule(row),
            *(value for name, used in kernels.items() for value in _stage_values(row.stage(name), used)),
        )
        for row in rows
    ]
    parameters = local_frame(frame.sparkSession, values, ddl)
    time = F.unix_micros("first_exposure_at")
    condition = (
        (F.col("experiment_id") == F.col("_experiment"))
        & (time >= F.col("_since"))
        & (time < F.col("_until"))
    )
    return frame.join(F.broadcast(parameters), on=condition, how="left")


def _with_hashed(frame: DataFrame, rows: Sequence[_Row]) -> DataFrame:
    """Add what is hashed, NULL where the SDK hashes nothing, and whether there is nothing to compare with.

    Logs have no unit without an id, but they may lack the attribute that was hashed.
    """
    hashed, unknown = F.col("unit_id"), F.col(_PLAN).isNull()
    if any(row.attribute is not None for row in rows):
        attribute = F.get("attributes", F.col("_attribute"))
        hashed = F.when(F.col("_attribute").isNull(), hashed).otherwise(attribute)
        unknown = unknown | hashed.isNull()
    if any(row.dated.plan.ids.empty is None for row in rows):
        empty = hashed == F.lit("")
        unknown = unknown | (empty & F.col("_empty").isNull() & F.col("_lost"))
        hashed = F.when(empty, F.col("_empty")).otherwise(hashed)
    for form in sorted({only for row in rows if (only := row.dated.plan.ids.only)}):
        other = F.col("_only").eqNullSafe(F.lit(form)) & ~hashed.rlike(rf"\A(?:{ID_FORMS[form]})\z")
        unknown = unknown | (other & F.col("_lost"))
        hashed = F.when(~other, hashed)
    if any(row.dated.plan.ids.json for row in rows):
        hashed = F.when(F.col("_json") & hashed.rlike(r'[\x00-\x1F"\\]'), _escaped(hashed)).otherwise(hashed)
    return frame.withColumns({_HASHED: hashed, _UNKNOWN: unknown})


def _id_rule(row: _Row) -> tuple[str | bool | int | None, ...]:
    """The values of `_ID_RULE`."""
    ids = row.dated.plan.ids
    return (ids.empty, ids.only, ids.lost is not None, ids.json, row.attribute)


def _escaped(text: Column) -> Column:
    """`json_text` in Spark, whose own functions write control characters otherwise."""
    return reduce(lambda done, c: F.replace(done, F.lit(c), F.lit(json_text(c))), _ESCAPED, text)


def _stage_values(stage: Stage | None, kernels: Sequence[str]) -> tuple[int | str | None, ...]:
    if stage is None:
        return (None,) * len(_STAGE_FIELDS)
    seed = KERNELS[stage.kernel].spark_seed(stage.seed)
    return (kernels.index(stage.kernel), stage.prefix, stage.suffix, seed, stage.modulus, stage.offset)


def _bucket(stage: str, kernels: Sequence[str]) -> Column:
    """One branch per kernel, no branching when there is but one; NULL where the row has no such stage."""
    given = {field: F.col(f"_{stage}_{field}") for field in _STAGE_FIELDS}
    text = F.concat(given["prefix"], F.col(_HASHED), given["suffix"])
    hashes = [KERNELS[name].spark(text, given["seed"], given["modulus"]) for name in kernels]
    if not hashes:
        return F.lit(None).cast("bigint")
    if len(hashes) == 1:
        return hashes[0] + given["offset"]
    branches = F.when(given["kernel"] == F.lit(0), hashes[0])
    for code, bucket in enumerate(hashes[1:], start=1):
        branches = branches.when(given["kernel"] == F.lit(code), bucket)
    return branches + given["offset"]


def _with_outcome(frame: DataFrame, rows: Sequence[_Row], stage: str) -> DataFrame:
    """At most one segment holds a bucket, so the join keeps the rows as they are."""
    outcome, bucket = f"_outcome_{stage}", F.col(f"_bucket_{stage}")
    segments = [
        (row.number, segment.start, segment.end, segment.outcome)
        for row in rows
        if (given := row.stage(stage)) is not None
        for segment in given.segments
    ]
    owner, start, end = f"_owner_{stage}", f"_start_{stage}", f"_end_{stage}"
    ddl = f"{owner} int, {start} bigint, {end} bigint, {outcome} string"
    inside = (bucket >= F.col(start)) & (bucket < F.col(end))
    condition = (F.col(_PLAN) == F.col(owner)) & inside
    return frame.join(_table(frame.sparkSession, segments, ddl), on=condition, how="left")


def _with_overrides(
    frame: DataFrame, experiments: Sequence[Experiment], sourced: DataFrame | None
) -> DataFrame:
    listed = [
        (experiment.id, unit, variant)
        for experiment in experiments
        for unit, variant in overrides_of(experiment).items()
    ]
    if not listed and sourced is None:
        return frame.withColumn(_FORCED, F.lit(None).cast("string"))
    table = _table(frame.sparkSession, listed, f"_of_experiment string, {_UNIT} string, {_FORCED} string")
    if sourced is not None:
        names = {"experiment_id": "_of_experiment", "unit_id": _UNIT, "variant": _FORCED}
        more = sourced.select(*(F.col(name).alias(alias) for name, alias in names.items()))
        table = F.broadcast(table.unionByName(more))
    condition = (F.col("experiment_id") == F.col("_of_experiment")) & (F.col("unit_id") == F.col(_UNIT))
    return frame.join(table, on=condition, how="left")


def _table(spark: SparkSession, values: Sequence[tuple[int | str, ...]], ddl: str) -> DataFrame:
    return F.broadcast(local_frame(spark, values, ddl))


def _verdict(gates: Sequence[str]) -> tuple[Column, Column, Column]:
    """expected_variant, bucket and hash_status from the buckets and outcomes of the stages."""
    hashed, bucket = F.col("_outcome_split"), F.col("_bucket_split")
    for gate in reversed(gates):
        outcome = F.col(f"_outcome_{gate}")
        closed = F.col(f"_bucket_{gate}").isNotNull() & ~outcome.eqNullSafe(F.lit(IN))
        hashed = F.when(closed, outcome).otherwise(hashed)
        bucket = F.when(closed, F.col(f"_bucket_{gate}")).otherwise(bucket)
    forced = F.col(_FORCED)
    expected = F.coalesce(forced, hashed)
    status = (
        F.when(forced == F.col("variant"), F.lit("override"))
        .when(forced.isNull() & F.col(_UNKNOWN), F.lit("not_derivable"))
        .when(expected.isNull(), F.lit("not_allocated"))
        .when(expected == F.col("variant"), F.lit("match"))
        .otherwise(F.lit("mismatch"))
    )
    return expected.alias("expected_variant"), bucket.alias("bucket"), status.alias("hash_status")
