"""Canonical events to coded events: the unit key, the time, and one bit per way in which the event counts.

Reasons a row is left out before any shuffle, in the order in which they are tried: null_id, bad_time, filtered,
after_as_of, then no_metric, bad_value and outside_windows (outside every window of every experiment). A source with an
event id keeps such rows, but for those after all windows, and those earlier than all windows by more than
`copies_within`: an event that counts for nothing may still be the earliest of its duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abspark.config import EventSource, Experiment
from abspark.config.safe_sql import never_raising
from abspark.pipeline.keys import unit_key
from abspark.pipeline.plans import Slot, Want
from abspark.pipeline.study import Study
from abspark.pipeline.time import epoch_micros, micros
from abspark.schemas import TOO_LARGE

REST_FROM: Final = 16
"""The last bits of a hash that leave room for an event's codes beside it."""
_JSON: Final = {
    "ignoreNullFields": "false",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
AFTER_BOT = ("no_metric", "bad_value", "outside_windows")
"""Reasons that come after `bot`, which `abspark.pipeline.bots` gives."""


def mask_names(study: Study, prefix: str) -> list[str]:
    """Names of the mask columns with this prefix: `w` wants, `m` experiment's slots, `h` hits."""
    return [f"{prefix}{index}" for index in range(study.mask_count)]


def value_names(study: Study) -> list[str]:
    """Names of the value columns."""
    return [f"d{index}" for index in range(study.value_count)]


def key_names(study: Study) -> list[str]:
    """Names of the key columns: hashes of the values that distinct counts tell apart."""
    return [f"q{index}" for index in range(study.key_count)]


def carried_names(study: Study) -> list[str]:
    """`xe` and `ve`, where any source has them: what an event says of its unit's assignment.

    xe is the code of the experiment (NULL where the source carries none, -1 where it is not in the run), ve the hash of
    the variant.
    """
    columns = [source.columns for source in study.event_sources]
    named = {"xe": [c.experiment for c in columns], "ve": [c.experiment and c.variant for c in columns]}
    return [name for name, mapped in named.items() if any(mapped)]


def identity_names(study: Study) -> list[str]:
    """`e`, what copies share (NULL without an event id), and `tie` and `rest`, which decide between copies of one time.

    e is a hash of source, event id and, where the source carries one, experiment: of n events of one unit any two share
    it with probability n**2 / 2**65. tie is the event's own value, left out where d0 is that in all sources. rest is a
    hash of all else that the source maps, whatever the run's metrics want of it, so that the copy that counts is the
    same in every run; its last REST_FROM bits are 0.
    """
    identified = _identified(study)
    tie = ["tie"] if identified and deciding_value(study) == "tie" else []
    rest = ["rest"] if any(_rest_names(source) for source in identified) else []
    return ["e", *tie, *rest] if identified else []


def deciding_value(study: Study) -> str | None:
    """The column whose value decides first between copies of one time; None where no source with ids maps one."""
    identified = _identified(study)
    if all(source.columns.value is None for source in identified):
        return None
    own = [("value",) if source.columns.value is not None else () for source in identified]
    same = all(study.values(s.name)[:1] == value for s, value in zip(identified, own, strict=True))
    return value_names(study)[0] if same else "tie"


def _identified(study: Study) -> list[EventSource]:
    return [source for source in study.event_sources if source.columns.event_id is not None]


def _rest_names(source: EventSource) -> list[str]:
    """The canonical columns beside unit, time and event id, in an order that no spelling of the file changes.

    Among them is the value, of which `tie` has no more than what is usable: NaN is not NULL to a condition.
    """
    mapped = [
        name
        for name in ("event", "experiment", "variant", "ingested", "value")
        if getattr(source.columns, name) is not None
    ]
    return [*mapped, *sorted(source.properties)]


def coded_events(canonical: DataFrame, source: EventSource, study: Study) -> DataFrame:
    """One row per canonical event.

    Columns: reason (NULL: valid); s, code of the source; unit; hi, lo; t, epoch microseconds; those of `carried_names`;
    w0.., bits of the slots the event counts for within their windows; claimed, whether any condition held; d0..,
    values, NULL where not `usable`; q0.., keys, NULL where the value is; bad, array with one flag per want of a value
    or key, TRUE where the condition held and that was of no use; those of `identity_names`.
    """
    wants = [want for want in study.wants if want.source == source.name]
    evaluated = canonical.select(
        F.col("unit"),
        F.unix_micros("time").alias("t"),
        _condition(source.filter).alias("passes"),
        *_carried(source, study),
        *_identity(canonical, source, study),
        *(_condition(want.where).alias(f"c{j}") for j, want in enumerate(wants)),
        *_values(source, study),
        *_keys(canonical, source, study),
    )
    met = [_met(j, want, study) for j, want in enumerate(wants)]
    bad = [F.col(f"c{j}") & ~met[j] for j, want in enumerate(wants) if _can_be_bad(want)]
    coded = evaluated.select(
        F.lit(study.sources.index(source.name)).alias("s"),
        "unit",
        *unit_key(F.col("unit"), study.pseudonym_key),
        "t",
        "passes",
        *carried_names(study),
        *_wanted(study, wants, met),
        _any([F.col(f"c{j}") for j in range(len(wants))]).alias("claimed"),
        *value_names(study),
        *key_names(study),
        F.array(*bad).cast("array<boolean>").alias("bad"),
        *identity_names(study),
    )
    kept = [name for name in coded.columns if name != "passes"]
    return coded.select(_reason(source, study).alias("reason"), *kept)


def bad_value_wants(study: Study, source: str) -> tuple[Want, ...]:
    """The wants that the `bad` flags stand for, in their order."""
    return tuple(want for want in study.wants if want.source == source and _can_be_bad(want))


def _can_be_bad(want: Want) -> bool:
    return want.value is not None or want.key is not None


def _condition(condition: str | None) -> Column:
    """TRUE only where the condition is TRUE: not where it is NULL."""
    if condition is None:
        return F.lit(True)  # noqa: FBT003 - a literal, not a flag
    return F.coalesce(F.expr(never_raising(condition)).cast("boolean"), F.lit(False))  # noqa: FBT003


def _carried(source: EventSource, study: Study) -> list[Column]:
    experiment, variant = F.lit(None).cast("int"), F.lit(None).cast("bigint")
    if source.columns.experiment is not None:
        ids = F.array(*(F.lit(known.id) for known in study.experiments))
        code = F.coalesce(F.array_position(ids, F.col("experiment")), F.lit(0)) - 1
        experiment = code.cast("int")
        if source.columns.variant is not None:
            variant = variant_hash(F.col("variant"))
    found = {"xe": experiment, "ve": variant}
    return [found[name].alias(name) for name in carried_names(study)]


def variant_hash(variant: Column) -> Column:
    """A variant's key as a long, NULL for NULL, so that events and units compare it without text in the shuffle."""
    return F.when(variant.isNotNull(), F.xxhash64(variant))


def _identity(canonical: DataFrame, source: EventSource, study: Study) -> list[Column]:
    event, value = F.lit(None).cast("bigint"), F.lit(None).cast("double")
    rest = F.lit(0).cast("bigint")
    if source.columns.event_id is not None:
        named = F.when(F.col("event_id") != "", F.col("event_id"))
        # a log that carries experiments has a row for each of them, which repeat no other's
        own = [F.col("experiment")] if source.columns.experiment is not None else []
        event = F.when(named.isNotNull(), F.xxhash64(named, F.lit(study.sources.index(source.name)), *own))
        value = usable(F.col("value")) if source.columns.value is not None else value
        if _rest_names(source):
            rest = _rest(canonical, source)
    found = {"e": event, "tie": value, "rest": rest}
    return [found[name].alias(name) for name in identity_names(study)]


def _rest(canonical: DataFrame, source: EventSource) -> Column:
    """A hash in which NULL counts, too, which Spark's passes over."""
    columns = [_told_apart(canonical.schema[name]) for name in _rest_names(source)]
    hashed = F.xxhash64(*(part for column in columns for part in (column, column.isNull())))
    return F.shiftleft(F.shiftright(hashed, REST_FROM), REST_FROM)


def _told_apart(field: T.StructField) -> Column:
    """A column that a hash tells apart as its values are: as text the lists `a`, `b` and `a, b` are one."""
    if isinstance(field.dataType, T.ArrayType | T.MapType | T.StructType):
        return F.to_json(field.name, _JSON)
    return F.col(field.name) if isinstance(field.dataType, T.AtomicType) else F.col(field.name).cast("string")


def _values(source: EventSource, study: Study) -> list[Column]:
    present = study.values(source.name)
    expressions = [F.expr(never_raising(value)).try_cast("double") for value in present]
    absent = [F.lit(None).cast("double")] * (study.value_count - len(present))
    return [usable(e).alias(n) for n, e in zip(value_names(study), [*expressions, *absent], strict=True)]


def _keys(canonical: DataFrame, source: EventSource, study: Study) -> list[Column]:
    """Hashes of 64 bits: of n values of one unit any two share one with probability n**2 / 2**65.

    NULL where there is no value, or a number that is not finite; 0 and -0 are one value.
    """
    given = [F.expr(never_raising(key)) for key in study.keys(source.name)]
    types = canonical.select(*(key.alias(f"k{j}") for j, key in enumerate(given))).schema.fields
    fractional = [isinstance(field.dataType, T.DoubleType | T.FloatType) for field in types]
    present = [_finite(key + 0) if number else key for key, number in zip(given, fractional, strict=True)]
    hashed = [F.when(key.isNotNull(), F.xxhash64(key.cast("string"))) for key in present]
    absent = [F.lit(None).cast("bigint")] * (study.key_count - len(present))
    return [key.alias(name) for name, key in zip(key_names(study), [*hashed, *absent], strict=True)]


def usable(value: Column) -> Column:
    """The value, or NULL where it is NaN, or so large that its square is no number."""
    return F.when(F.abs(value) < F.lit(TOO_LARGE), value)


def _finite(value: Column) -> Column:
    """The value, or NULL where it is NaN or infinite."""
    return F.when(F.abs(value) < F.lit(float("inf")), value)


def _met(index: int, want: Want, study: Study) -> Column:
    condition = F.col(f"c{index}")
    if want.value is not None:
        return condition & F.col(f"d{study.values(want.source).index(want.value)}").isNotNull()
    if want.key is not None:
        return condition & F.col(f"q{study.keys(want.source).index(want.key)}").isNotNull()
    return condition


def _wanted(study: Study, wants: Sequence[Want], met: Sequence[Column]) -> list[Column]:
    """The mask columns: the union of the slots of every want that is met."""
    zero = F.lit(0).cast("bigint")
    parts: list[list[Column]] = [[] for _ in range(study.mask_count)]
    for want, condition in zip(wants, met, strict=True):
        masks = study.masks(slot for slot in study.slots if slot.want == want)
        for column, mask in enumerate(masks):
            if mask:
                parts[column].append(F.when(condition, F.lit(mask).cast("bigint")).otherwise(zero))
    combined = [balanced(lambda a, b: a.bitwiseOR(b), part) if part else zero for part in parts]
    return [column.alias(name) for column, name in zip(combined, mask_names(study, "w"), strict=True)]


def balanced(operation: Callable[[Column, Column], Column], columns: Sequence[Column]) -> Column:
    """Fold columns by an associative operation as a balanced tree, so that depth grows with the logarithm."""
    if len(columns) == 1:
        return columns[0]
    half = len(columns) // 2
    return operation(balanced(operation, columns[:half]), balanced(operation, columns[half:]))


def _any(columns: Sequence[Column]) -> Column:
    return balanced(lambda a, b: a | b, columns) if columns else F.lit(False)  # noqa: FBT003


def any_bit(names: Sequence[str]) -> Column:
    """Whether any mask column has a bit set."""
    return reduce(lambda a, b: a | b, (F.col(name) != 0 for name in names))


def time_range(study: Study, source: str) -> tuple[int, int]:
    """The instants `[low, high)`, in epoch microseconds, in which events of a source can count for any experiment."""
    reach = [
        _reach(experiment, slot)
        for experiment in study.experiments
        for slot in study.slots_of(experiment)
        if slot.want.source == source
    ]
    return min(low for low, _ in reach), min(max(high for _, high in reach), epoch_micros(study.as_of))


def read_range(study: Study, source: EventSource) -> tuple[int | None, int]:
    """As `time_range`, with the time before it in which copies of an event may lie; None: no bound."""
    low, high = time_range(study, source.name)
    if source.columns.event_id is None:
        return low, high
    return None if source.copies_within is None else low - micros(source.copies_within), high


def _reach(experiment: Experiment, slot: Slot) -> tuple[int, int]:
    """The instants `[low, high)` in which events can count for one slot of an experiment."""
    start, end = epoch_micros(experiment.start), epoch_micros(experiment.end)
    if slot.anchor == "experiment_start":
        end = start
    elif slot.trigger is not None:
        end += slot.trigger.end
    return start + slot.start, end + slot.end


def _reason(source: EventSource, study: Study) -> Column:
    t = F.col("t")
    reason = (
        F.when(F.col("unit").isNull() | (F.col("unit") == ""), "null_id")
        .when(t.isNull(), "bad_time")
        .when(~F.col("passes"), "filtered")
        .when(t >= F.lit(epoch_micros(study.as_of)), "after_as_of")
    )
    low, high = read_range(study, source)
    outside = t >= F.lit(high) if low is None else (t < F.lit(low)) | (t >= F.lit(high))
    if source.columns.event_id is None:
        wanted = any_bit(mask_names(study, "w"))
        reason = reason.when(~F.col("claimed"), "no_metric").when(~wanted, "bad_value")
    return reason.when(outside, "outside_windows")
