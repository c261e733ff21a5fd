from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from simulated_logs import DAY, FAULTY, Logs, assert_share, doubles, without_doubles

from abspark.simulate import Simulation, events, exposures, population, stated


def _true_rows(logs: Logs) -> list[Row]:
    return [row for row in without_doubles(logs.events) if row.event_id[0] in "epc"]


def test_the_columns(spark: SparkSession) -> None:
    plain = "event_id:string,user_id:string,event_type:string,amount:double,ts:timestamp"
    assert events(spark, FAULTY).schema.simpleString() == f"struct<{plain}>"
    carrying = events(spark, replace(FAULTY, carry_variant=True))
    assert carrying.schema.simpleString() == f"struct<{plain},experiment_id:string,variant:string>"


@pytest.mark.parametrize("carry_variant", [False, True])
def test_rows_do_not_depend_on_partitions(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, *, carry_variant: bool
) -> None:
    sim = replace(FAULTY, units=301, carry_variant=carry_variant)
    whole = events(spark, sim)
    monkeypatch.setattr(population, "ROWS_PER_PARTITION", 200)
    parts = events(spark, sim)
    assert_df_equality(parts, whole, ignore_row_order=True)
    assert not whole.isEmpty()


def test_another_seed_gives_other_rows(clean: Logs, spark: SparkSession) -> None:
    other = events(spark, replace(FAULTY.clean(), seed=12)).collect()
    assert len({row.ts for row in other} & {row.at for row in clean.events}) == 0
    assert sum(row.amount or 0 for row in other) != sum(row.amount or 0 for row in clean.events)


def test_clean_rows_are_what_the_parameters_say(clean: Logs) -> None:
    sim, rows = clean.sim, clean.events
    per_unit = Counter(int(row.user_id[-9:]) for row in rows)
    counts = [per_unit[number] for number in range(sim.units)]
    assert set(per_unit) <= set(range(sim.units))
    mean = len(rows) / sim.units
    spread = math.sqrt(sum((count - mean) ** 2 for count in counts) / sim.units)
    # Effects add about 0.02 purchases per unit.
    assert mean == pytest.approx(sim.events_per_unit, abs=4 * spread / math.sqrt(sim.units) + 0.05)
    assert doubles(row.event_id for row in rows) == 0
    assert min(row.at for row in rows) >= clean.start - 14 * DAY
    assert max(row.at for row in rows) < clean.horizon
    assert all((row.amount is not None) == (row.event_type == "purchase") for row in rows)
    browsing = Counter(row.event_type for row in rows if row.event_type != "purchase")
    for name, share in {"page_view": 0.7, "session": 0.15, "click": 0.14, "signup": 0.01}.items():
        assert_share(browsing[name], browsing.total(), share)


def test_a_unit_buys_at_most_once_in_seven_days(clean: Logs) -> None:
    bought = defaultdict(list)
    for row in clean.events:
        if row.event_type == "purchase":
            bought[row.user_id].append(row.at)
    gaps = [later - earlier for times in bought.values() for earlier, later in pairwise(sorted(times))]
    assert len(gaps) > 100
    assert all(gap > 0 and gap % (7 * DAY) == 0 for gap in gaps)


def test_amounts_are_cents_with_a_heavy_tail(clean: Logs) -> None:
    amounts = sorted(row.amount for row in clean.events if row.event_type == "purchase")
    assert all(amount > 0 and round(amount, 2) == amount for amount in amounts)
    logs = [math.log(amount) for amount in amounts]
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / len(logs))
    # Lognormal: median 20, spread sqrt(0.7^2 + 0.9^2).
    assert mean == pytest.approx(math.log(20), abs=4 * 1.14 / math.sqrt(len(logs)))
    assert spread == pytest.approx(1.14, rel=4 / math.sqrt(2 * len(logs)))


def test_row_faults_come_in_their_shares_beside_the_true_rows(faulty: Logs) -> None:
    sim, true = faulty.sim, {row.event_id: row.asDict() for row in _true_rows(faulty)}
    bots = {row.user_id for row in faulty.exposures if row.is_bot and row.user_id}
    kinds = Counter(row.event_id[0] for row in without_doubles(faulty.events))
    assert set(kinds) == set("epcntl")
    # Bots, a tenth, have no faulty rows.
    assert_share(doubles(faulty.events), len(true), sim.duplicate_events * 0.9)
    for mark, share in {"n": sim.null_ids, "t": sim.bad_times, "l": sim.late}.items():
        assert_share(kinds[mark], len(true), share * 0.9)
    late = []
    for row in without_doubles(faulty.events):
        mark = row.event_id[0]
        if mark in "ntl":
            changed = {"n": {"user_id": None}, "t": {"at": None}, "l": {"at": row.at}}[mark]
            assert row.asDict() == {**true[row.event_id[1:]], "event_id": row.event_id, **changed}
            assert row.user_id not in bots
            late += [row.at] if mark == "l" else []
    assert faulty.horizon <= min(late)
    assert max(late) < faulty.horizon + 7 * DAY


def test_bots_browse_but_never_buy(faulty: Logs) -> None:
    bots = {row.user_id for row in faulty.exposures if row.is_bot and row.user_id}
    theirs = Counter(row.event_type for row in faulty.events if row.user_id in bots)
    assert theirs["page_view"] > 0
    assert theirs["purchase"] == 0


def test_clicks_before_exposure_come_within_the_hour(faulty: Logs, spark: SparkSession) -> None:
    sim = replace(faulty.sim.clean(), before_exposure=0.1)
    firsts = defaultdict(list)
    first = (
        exposures(spark, sim).groupBy("experiment_id", "user_id").agg(F.min(F.unix_micros("ts")).alias("at"))
    )
    for row in first.collect():
        firsts[row.user_id].append(row.at)
    log = events(spark, sim).where("event_id LIKE 'c%'").withColumn("at", F.unix_micros("ts")).collect()
    assert_share(len(log), sum(map(len, firsts.values())), 0.1)
    for row in log:
        assert row.event_type == "click"
        assert any(0 < at - row.at <= 3_600_000_000 for at in firsts[row.user_id])


def test_a_carrying_log_has_each_event_once_per_experiment_of_its_unit(spark: SparkSession) -> None:
    sim = replace(FAULTY, units=200, lost_treatment_rows=0.0)
    assigned = (
        exposures(spark, sim)
        .where("event_id LIKE 'x%'")
        .groupBy("user_id", "experiment_id")
        .agg(F.min_by("variant", "ts").alias("variant"))
    )
    plain = events(spark, sim).where("user_id IS NOT NULL")
    carrying = events(spark, replace(sim, carry_variant=True)).where("user_id IS NOT NULL")
    expected = plain.join(assigned, "user_id", "inner").select(*plain.columns, "experiment_id", "variant")
    actual = carrying.withColumn("event_id", F.split_part("event_id", F.lit("/"), F.lit(1)))
    assert_df_equality(actual, expected, ignore_row_order=True, ignore_nullable=True)
    true = carrying.where("event_id NOT LIKE 'd%'").dropDuplicates()
    assert true.groupBy("event_id").count().where("count > 1").isEmpty()


TRUTH = Simulation(
    units=20_000,
    experiments=3,
    share=1.0,
    exposures_per_unit=1,
    events_per_unit=0.4,
    effect=0.4,
    conversion=0.08,
    variants=3,
).clean()


@pytest.fixture(scope="module")
def outcomes(spark: SparkSession) -> list[Row]:
    """Per experiment and variant: n, and mean and variance of conversion and revenue within 7 days."""
    return _outcomes(exposures(spark, TRUTH), events(spark, TRUTH)).collect()


def _outcomes(shown: DataFrame, log: DataFrame) -> DataFrame:
    bought = log.where("event_type = 'purchase'").select("user_id", "amount", F.col("ts").alias("bought_at"))
    in_window = F.expr("bought_at >= ts AND bought_at < ts + INTERVAL 7 DAYS")
    per_unit = (
        shown.join(bought, "user_id", "left")
        .groupBy("experiment_id", "variant", "user_id")
        .agg(
            F.max(F.coalesce(in_window.cast("double"), F.lit(0.0))).alias("conversion"),
            F.sum(F.when(in_window, F.col("amount")).otherwise(0.0)).alias("revenue_per_unit"),
        )
    )
    moments = [
        aggregate(name).alias(f"{title}_{name}")
        for name in ("conversion", "revenue_per_unit")
        for title, aggregate in (("mean", F.mean), ("var", F.variance))
    ]
    return per_unit.groupBy("experiment_id", "variant").agg(F.count("*").alias("n"), *moments)


@pytest.mark.parametrize("metric", ["conversion", "revenue_per_unit"])
@pytest.mark.parametrize("experiment_id", ["exp_0", "exp_1", "exp_2"])
@pytest.mark.parametrize("treatment", ["treatment_1", "treatment_2"])
def test_the_stated_effect_is_found_in_the_logs(
    outcomes: list[Row], experiment_id: str, treatment: str, metric: str
) -> None:
    arms = {row.variant: row for row in outcomes if row.experiment_id == experiment_id}
    control, treated = arms["control"], arms[treatment]
    mean = {name: arms[name][f"mean_{metric}"] for name in ("control", treatment)}
    errors = {name: arms[name][f"var_{metric}"] / arms[name].n for name in mean}
    lift = mean[treatment] / mean["control"] - 1
    error = math.sqrt(errors[treatment] + (1 + lift) ** 2 * errors["control"]) / mean["control"]
    assert control.n + treated.n == pytest.approx(TRUTH.units * 2 / 3, rel=0.03)
    truth = stated(TRUTH)["relative_effects"][experiment_id][metric][treatment]
    assert truth == pytest.approx(
        {"treatment_1": 0.2, "treatment_2": 0.4}[treatment] * (experiment_id == "exp_1")
    )
    assert lift == pytest.approx(truth, abs=4 * error)
    assert error < 0.1
    if truth and metric == "conversion":
        assert lift > 2 * error


def test_the_past_foretells_the_future_as_stated(spark: SparkSession) -> None:
    sim = Simulation(units=4_000, experiments=1, share=1.0, exposures_per_unit=1, events_per_unit=20).clean()
    views = (
        events(spark, sim).where("event_type = 'page_view'").select("user_id", F.col("ts").alias("seen_at"))
    )
    before = F.expr("seen_at >= ts - INTERVAL 14 DAYS AND seen_at < ts")
    after = F.expr("seen_at >= ts AND seen_at < ts + INTERVAL 7 DAYS")
    per_unit = (
        exposures(spark, sim)
        .join(views, "user_id", "left")
        .groupBy("user_id")
        .agg(F.count_if(before).alias("pre"), F.count_if(after).alias("post"))
    )
    rho = per_unit.agg(F.corr("pre", "post").alias("rho")).collect()[0].rho
    covariate = stated(sim)["covariate"]
    assert (covariate["metric"], covariate["lookback_days"], covariate["window_days"]) == (
        "page_views",
        14,
        7,
    )
    # Its standard error over seeds is 0.01 (of 10 seeds).
    assert rho == pytest.approx(covariate["rho"], abs=0.04)
    assert 0.5 < covariate["rho"] < 0.95
