"""Signatures to unit metrics: one row per unit, experiment and metric that any event counts for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.attribute_values import with_attribute
from abspark.pipeline.buckets import bucket_names, bucket_sums, bucketed
from abspark.pipeline.calendar import DAY, Calendar, day_index
from abspark.pipeline.conversions import Status, anchor_name, small_names, unit_names, wide_names
from abspark.pipeline.cutoffs import Cutoffs
from abspark.pipeline.events import mask_names
from abspark.pipeline.exposure_days import age_names, exposure_depth
from abspark.pipeline.literals import per_code
from abspark.pipeline.metric_codes import metric_code, metric_codes
from abspark.pipeline.packing import Small, grouped
from abspark.pipeline.plans import FOREVER, NUM, PRE_NUM, Operation, Part
from abspark.pipeline.signatures import chosen
from abspark.pipeline.spreading import HOME, gathered
from abspark.pipeline.study import Study
from abspark.schemas import VARIABLES

LEDGER: Final = -1
"""In place of a metric's code: the row counts events for the ledger."""


def used_variables(study: Study) -> list[int]:
    """The variables that any metric of the study has, in order."""
    return sorted({variable for plan in study.plans for variable in plan.variables})


def anchor_of(study: Study) -> Column:
    """The instant from which the windows of metric `m` count: a trigger, else the first exposure."""
    anchor = F.col("t0")
    for j, trigger in enumerate(study.triggers):
        uses = [plan.trigger == trigger for plan in study.plans]
        anchor = F.when(per_code(F.col("m"), uses, "boolean"), F.col(f"r{j}")).otherwise(anchor)
    return anchor


def part_dimension(spark: SparkSession, study: Study, cutoffs: Cutoffs) -> DataFrame:
    """One row per experiment and part of a metric, and per experiment and source one that counts for the ledger.

    Columns: x; m; k0.., the slot; variable; operation; step; d, value or key column or -1; strict, latest anchor
    analysed or NULL, on the first day since exposure where that is a series.
    """
    rows = []
    for x, experiment in enumerate(study.experiments):
        for m in study.codes_of(experiment):
            latest = max(cutoffs.final[x, m], *cutoffs.ages.get((x, m), ())[:1], -FOREVER)
            strict = latest if study.complete_only(experiment, m) else None
            for part in study.plans[m].parts:
                column = _column(part, study)
                rows.append(
                    (
                        x,
                        m,
                        *study.masks([part.slot]),
                        part.variable,
                        int(part.operation),
                        part.step,
                        column,
                        strict,
                    )
                )
        for source in study.sources_of(experiment):
            every = study.masks(slot for slot in study.slots_of(experiment) if slot.want.source == source)
            rows.append((x, LEDGER, *every, NUM, int(Operation.count), 0, -1, None))
    masks = ", ".join(f"{name} bigint" for name in mask_names(study, "k"))
    return local_frame(
        spark, rows, f"x int, m int, {masks}, variable int, operation int, step int, d int, strict bigint"
    )


def _column(part: Part, study: Study) -> int:
    want = part.slot.want
    if want.value is not None:
        return study.values(want.source).index(want.value)
    return -1 if want.key is None else study.keys(want.source).index(want.key)


def unit_metrics(
    signatures: DataFrame,
    study: Study,
    cutoffs: Cutoffs,
    calendars: Sequence[Calendar],
    depth: int,
    *,
    split: bool,
) -> DataFrame:
    """One row per unit, experiment and metric with at least one event that counts; and the ledger's rows.

    Columns: hi, lo, x, v and what else rows of a unit share; m (LEDGER for the ledger's), s and status (NULL but for
    the ledger's); num and the other variables of the study (NULL where no event feeds them); vs, all values, where a
    quantile is of events; and with a `depth` of days columns named by `bucket_name`, sums as of each since entry. With
    a series by days since exposure, `age_name` names sums as of each, and `pending` rows count in that alone. The
    ledger's `num` is the number of events with that status, and `early` of those before their experiment's windows;
    without `split` they have no status of their own, as only those of a sample of the units are known.
    """
    dimension = part_dimension(signatures.sparkSession, study, cutoffs).alias("k")
    bits = zip(mask_names(study, "h"), mask_names(study, "k"), strict=True)
    hit = reduce(lambda a, b: a | b, (F.col(h).bitwiseAND(F.col(k)) != 0 for h, k in bits))
    in_time = F.col("strict").isNull() | (anchor_of(study) <= F.col("strict"))
    on = (F.col("g.x") == F.col("k.x")) & hit & in_time
    matched = gathered(signatures).alias("g").join(F.broadcast(dimension), on=on, how="left")
    m = F.coalesce("m", F.when(F.col("status") != int(Status.kept), F.lit(LEDGER)))
    shared = ["hi", "lo", "v", *unit_names(study)]
    kept = {*shared, "x", "s", "status", *mask_names(study, "h")}
    measured = [name for name in signatures.columns if name not in {*kept, HOME}]
    # what met no part counts for the ledger alone
    variable = F.coalesce("variable", F.lit(NUM)).alias("variable")
    operation = F.coalesce("operation", F.lit(int(Operation.count))).alias("operation")
    spread = matched.select(
        *shared, "g.x", m.alias("m"), "s", "status", variable, operation, "step", "d", *measured
    ).where(F.col("m").isNotNull())
    ledger = F.col("m") == LEDGER
    early = F.col("status") == int(Status.before_window)
    told = F.col("status") if split else F.when(early, int(Status.outside_windows)).otherwise(F.col("status"))
    keyed = spread.withColumns(
        {"s": F.when(ledger, F.col("s")), "status": F.when(ledger, told), "early": F.when(early, F.col("c"))}
    )
    if depth:
        since = F.col("day") - day_index(anchor_of(study), calendars)
        keyed = keyed.withColumn("age", F.greatest(since, F.lit(0)))
    keyed = keyed.withColumns(_amounts(study))
    key = [*shared, "x", "m", "s", "status"]
    smalls = [*small_names(study), Small("m", len(study.metrics) - 1, low=LEDGER)]
    measures = [F.sum("early").alias("early"), *_aggregates(study, depth)]
    summed = grouped(keyed, wide_names(study), smalls, measures)
    columns = [_value(study, variable).alias(VARIABLES[variable]) for variable in used_variables(study)]
    daily = [
        _binary(study, F.col(name), variable).alias(name)
        for variable in bucketed(study)
        for name in (*bucket_names(variable, depth), *age_names(study, variable))
    ]
    pending = [_pending(study, cutoffs)] if exposure_depth(study) else []
    valued = summed.select(*key, "early", *columns, *daily, *pending, *_extras(study))
    return valued.where(ledger | _has_value(study)).drop("present")


def _pending(study: Study, cutoffs: Cutoffs) -> Column:
    limits = [
        cutoffs.final[x, m]
        if (x, m) in cutoffs.final and study.complete_only(study.experiments[x], m)
        else None
        for x, m in metric_codes(study)
    ]
    limit = per_code(metric_code(study), limits, "bigint")
    return F.coalesce(anchor_of(study) > limit, F.lit(False)).alias("pending")  # noqa: FBT003 - a literal, not a flag


def _extras(study: Study) -> list[Column]:
    lists = [F.col("vs")] if Operation.values in study.operations else []
    return [*lists, F.col("present")] if Operation.present in study.operations else lists


def _has_value(study: Study) -> Column:
    """Whether a unit of a kind that is of present units only is there."""
    num = per_code(F.col("m"), [plan.needs_value for plan in study.plans], "boolean")
    has = ~F.coalesce(num, F.lit(False)) | F.col("num").isNotNull()  # noqa: FBT003 - a literal, not a flag
    if Operation.present in study.operations:
        fired = per_code(F.col("m"), [p.trigger is not None for p in study.plans], "boolean")
        has &= ~F.coalesce(fired, F.lit(False)) | F.col("present").isNotNull()  # noqa: FBT003
    return has


def _aggregates(study: Study, depth: int) -> list[Column]:
    """Per variable what its parts add up to: sums always, the rest where some metric asks for it."""
    found = []
    for variable in used_variables(study):
        fed = F.col("variable") == variable
        found.append(F.sum(_amount_name(variable)).alias(f"sum_{variable}"))
        if variable in bucketed(study):
            found += bucket_sums(bucket_names(variable, depth), _amount_name(variable), "age")
            found += bucket_sums(age_names(study, variable), _amount_name(variable), "since")
        if Operation.distinct in study.operations:
            sets = F.when(fed & _is(Operation.distinct), chosen("qs", study.key_count))
            found.append(
                F.size(F.array_distinct(F.flatten(F.collect_list(sets)))).alias(f"distinct_{variable}")
            )
    for operation, aggregate in ((Operation.min, F.min), (Operation.max, F.max), (Operation.latest, F.max)):
        if operation in study.operations:
            prefix = {Operation.min: "mn", Operation.max: "mx", Operation.latest: "la"}[operation]
            picked = F.when(_is(operation), chosen(prefix, study.value_count))
            found.append(aggregate(picked).alias(operation.name))
    if Operation.first in study.operations:
        found.append(F.min(F.when(_is(Operation.first), F.col("ft"))).alias("first"))
    if Operation.present in study.operations:
        found.append(F.max(F.when(_is(Operation.present), F.lit(1))).alias("present"))
    if Operation.values in study.operations:
        lists = F.when(_is(Operation.values), chosen("vs", study.value_count))
        found.append(F.flatten(F.collect_list(lists)).alias("vs"))
    for step in range(max(plan.steps for plan in study.plans)):
        instants = F.when(_is(Operation.step) & (F.col("step") == step), F.col("tt"))
        found.append(F.flatten(F.collect_list(instants)).alias(f"step_{step}"))
    return found


def _amount_name(variable: int) -> str:
    """The column with what a row adds to a variable."""
    return f"amount_{variable}"


def _amounts(study: Study) -> dict[str, Column]:
    """What each row adds to each variable, as columns: worked out once, not in the sum of each day again."""
    value = F.when(_is(Operation.count), F.col("c").cast("double")).when(
        _is(Operation.sum), chosen("d", study.value_count)
    )
    return {_amount_name(v): F.when(F.col("variable") == v, value) for v in used_variables(study)}


def _is(operation: Operation) -> Column:
    return F.col("operation") == int(operation)


def _value(study: Study, variable: int) -> Column:
    """The variable of a metric: whichever aggregate its operation fills."""
    candidates = [F.col(f"sum_{variable}")]
    if Operation.distinct in study.operations:
        size = F.col(f"distinct_{variable}")
        candidates.append(F.when(size > 0, size.cast("double")))
    if variable == NUM:
        candidates += _num_candidates(study)
    value = F.coalesce(*candidates)
    return _binary(study, with_attribute(value, study) if variable == PRE_NUM else value, variable)


def _binary(study: Study, value: Column, variable: int) -> Column:
    """1 in place of any value, where a variable of a metric only tells whether there was an event."""
    flags = {NUM: [plan.binary for plan in study.plans], PRE_NUM: [plan.pre_binary for plan in study.plans]}
    binary = flags.get(variable, [])
    if not any(binary):
        return value
    return F.when(per_code(F.col("m"), binary, "boolean") & value.isNotNull(), F.lit(1.0)).otherwise(value)


def _num_candidates(study: Study) -> list[Column]:
    found = []
    for operation in (Operation.min, Operation.max):
        if operation in study.operations:
            found.append(F.col(operation.name))
    if Operation.latest in study.operations:
        found.append(F.col("latest.d"))
    if Operation.first in study.operations:
        found.append(_days_before_the_end(study))
    if Operation.step in study.operations:
        found.append(_all_steps(study))
    return found


def _days_before_the_end(study: Study) -> Column:
    """Days to the first event less the window's length: 0 where there is none, as for units without any event."""
    starts, lengths = [], []
    for plan in study.plans:
        part = next((part for part in plan.parts if part.operation is Operation.first), None)
        starts.append(0 if part is None else part.slot.start)
        lengths.append(plan.shift)
    begins = _window_anchor(study) + per_code(F.col("m"), starts, "bigint")
    days = (F.col("first") - begins).cast("double") / F.lit(float(DAY))
    return days - per_code(F.col("m"), lengths, "double")


def _window_anchor(study: Study) -> Column:
    """As `anchor_of`, but the experiment's start for the metrics whose windows count from that."""
    anchor = anchor_of(study)
    names = {anchor_name(study, plan.parts[0].slot) for plan in study.plans}
    if "b" not in names:
        return anchor
    based = [plan.parts[0].slot.anchor == "experiment_start" for plan in study.plans]
    return F.when(per_code(F.col("m"), based, "boolean"), F.col("b")).otherwise(anchor)


def _all_steps(study: Study) -> Column:
    """1 where every step happened at or after the one before it: each step takes its earliest instant that can."""
    deepest = max(plan.steps for plan in study.plans)
    steps = per_code(F.col("m"), [plan.steps for plan in study.plans], "int")
    reached = F.array_min("step_0")
    done = [reached]
    for step in range(1, deepest):
        reached = _first_from(f"step_{step}", reached)
        done.append(reached)
    conditions = [(steps == depth + 1) & instant.isNotNull() for depth, instant in enumerate(done)]
    return F.when(reduce(lambda a, b: a | b, conditions), F.lit(1.0))


def _first_from(instants: str, earliest: Column) -> Column:
    return F.array_min(F.filter(instants, lambda t: t >= earliest))
