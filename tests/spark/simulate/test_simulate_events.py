from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from simulated_logs import DAY, Logs, assert_share, by_unit, collected, doubles, true_rows, without_doubles

from abspark.simulate import Simulation, events, exposures, population, stated

PLAIN = "event_id:string,user_id:string,event_type:string,amount:double,ts:timestamp"


def test_the_columns(faulty: Logs) -> None:
    assert faulty.schemas[1] == f"struct<{PLAIN}>"


def test_rows_do_not_depend_on_partitions(
    faulty: Logs, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(population, "ROWS_PER_PARTITION", 1_700)
    assert Counter(collected(events(spark, faulty.sim))) == Counter(faulty.events)


def test_another_seed_gives_other_rows(clean: Logs, spark: SparkSession) -> None:
    other = collected(events(spark, replace(clean.sim, seed=12)))
    assert not {row.at for row in other} & {row.at for row in clean.events}
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
    sim, true = faulty.sim, {row.event_id: row.asDict() for row in true_rows(faulty.events)}
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


def test_clicks_before_exposure_come_within_the_hour(faulty: Logs, clean: Logs) -> None:
    firsts = defaultdict(list)
    for (_, user_id), shown in by_unit(clean.exposures).items():
        firsts[user_id].append(shown[0].at)
    clicks = [row for row in true_rows(faulty.events) if row.event_id[0] == "c"]
    assert_share(len(clicks), sum(map(len, firsts.values())), faulty.sim.before_exposure)
    for row in clicks:
        assert row.event_type == "click"
        assert any(0 < at - row.at <= 3_600_000_000 for at in firsts[row.user_id])


def test_a_carrying_log_has_each_event_once_per_experiment_of_its_unit(
    faulty: Logs, clean: Logs, spark: SparkSession
) -> None:
    carrying = events(spark, replace(faulty.sim, carry_variant=True))
    assert carrying.schema.simpleString() == f"struct<{PLAIN},experiment_id:string,variant:string>"
    rows = collected(carrying)
    shown = {key: shown[0].variant for key, shown in by_unit(true_rows(faulty.exposures)).items()}
    memberships = defaultdict(set)
    for row in clean.exposures:
        memberships[row.user_id].add(row.experiment_id)
    expected = Counter(
        (*row, experiment_id)
        for row in faulty.events
        if row.user_id is not None
        for experiment_id in memberships[row.user_id]
    )
    found = Counter(
        (row.event_id.partition("/")[0], row.user_id, row.event_type, row.amount, row.at, row.experiment_id)
        for row in rows
        if row.user_id is not None
    )
    assert found == expected
    assert doubles(row.event_id for row in without_doubles(rows)) == 0
    known = [row for row in rows if (row.experiment_id, row.user_id) in shown]
    assert len(known) > len(rows) / 2
    assert all(row.variant == shown[row.experiment_id, row.user_id] for row in known)


TRUTH = Simulation(
    units=20_000,
    experiments=3,
    share=1.0,
    exposures_per_unit=1,
    events_per_unit=0.4,
    effect=0.8,
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
        {"treatment_1": 0.4, "treatment_2": 0.8}[treatment] * (experiment_id == "exp_1")
    )
    assert lift == pytest.approx(truth, abs=4 * error)
    if truth:
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
