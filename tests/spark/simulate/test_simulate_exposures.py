from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from chispa import assert_df_equality
from pyspark.sql import Row, SparkSession
from simulated_logs import (
    DAY,
    FAULTY,
    Logs,
    assert_share,
    doubles,
    hashed_variant,
    without_doubles,
)

from abspark.simulate import Simulation, exposures, injected, population
from abspark.simulate.population import COUNTRIES, PLATFORMS


def _by_unit(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
    units = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.at, row.event_id)):
        units[row.experiment_id, row.user_id].append(row)
    return units


def _true_rows(logs: Logs) -> list[Row]:
    return [row for row in without_doubles(logs.exposures) if row.event_id.startswith("x")]


def test_the_columns(spark: SparkSession) -> None:
    assert exposures(spark, FAULTY).schema.simpleString() == (
        "struct<experiment_id:string,user_id:string,variant:string,ts:timestamp,event_id:string,country:string,"
        "platform:string,is_bot:boolean>"
    )


@pytest.mark.parametrize(
    "sim", [FAULTY, replace(FAULTY.clean(), units=997, experiments=3, share=0.3, days=1)]
)
def test_rows_do_not_depend_on_partitions(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, sim: Simulation
) -> None:
    whole = exposures(spark, sim)
    monkeypatch.setattr(population, "ROWS_PER_PARTITION", 700)
    parts = exposures(spark, sim)
    assert_df_equality(parts, whole, ignore_row_order=True)
    assert not whole.isEmpty()


def test_another_seed_gives_other_rows(clean: Logs, spark: SparkSession) -> None:
    other = exposures(spark, replace(FAULTY.clean(), seed=12)).collect()
    mine = {(row.experiment_id, row.user_id) for row in clean.exposures}
    theirs = {(row.experiment_id, row.user_id) for row in other}
    # Half of all (unit, experiment) pairs are exposed, so two seeds share a third of those that either has.
    assert len(mine & theirs) / len(mine | theirs) == pytest.approx(1 / 3, abs=0.03)


def test_clean_rows_are_what_the_parameters_say(clean: Logs) -> None:
    sim, rows = clean.sim, clean.exposures
    units = _by_unit(rows)
    assert doubles(row.event_id for row in rows) == 0
    assert not any(value is None for row in rows for value in row)
    assert all(clean.start <= row.at < clean.end for row in rows)
    assert {row.is_bot for row in rows} == {False}
    assert {row.country for row in rows} == {name for name, _ in COUNTRIES}
    assert {row.platform for row in rows} == {name for name, _ in PLATFORMS}
    for number in range(4):
        assert_share(sum(key[0] == f"exp_{number}" for key in units), sim.units, sim.share)
    for (experiment_id, user_id), shown in units.items():
        names = {row.variant for row in shown}
        assert names == {hashed_variant(experiment_id, user_id, sim.variant_names)}
        assert len({row.country for row in shown}) == 1
    mean = len(rows) / len(units)
    spread = math.sqrt(sum((len(shown) - mean) ** 2 for shown in units.values()) / len(units))
    assert mean == pytest.approx(sim.exposures_per_unit, abs=4 * spread / math.sqrt(len(units)))


def test_units_have_ids_of_both_kinds(clean: Logs) -> None:
    ids = {row.user_id for row in clean.exposures}
    plain = {user_id for user_id in ids if user_id.startswith("user_0000")}
    assert all(user_id.startswith("usér_名_0000") for user_id in ids - plain)
    assert_share(len(ids - plain), len(ids), 0.2)
    assert all(0 <= int(user_id[-9:]) < 1_500 for user_id in ids)


def test_first_exposures_are_spread_over_the_experiment(clean: Logs) -> None:
    firsts = [(shown[0].at - clean.start) // DAY for shown in _by_unit(clean.exposures).values()]
    for count in Counter(firsts).values():
        assert_share(count, len(firsts), 1 / 10)
    assert set(firsts) == set(range(10))


def test_the_log_is_written_in_order_of_days(clean: Logs) -> None:
    days = [row.at // DAY for row in clean.exposures]
    assert days == sorted(days)
    first_day = [row.user_id for row in clean.exposures if row.at < clean.start + DAY]
    assert first_day != sorted(first_day)


def test_a_unit_is_in_one_experiment_of_a_layer(clean: Logs) -> None:
    seen = defaultdict(set)
    for row in clean.exposures:
        seen[row.user_id].add(row.experiment_id)
    for first, second in (("exp_0", "exp_1"), ("exp_2", "exp_3")):
        assert not any({first, second} <= ids for ids in seen.values())
    both = sum({"exp_1", "exp_3"} <= ids for ids in seen.values())
    assert_share(both, clean.sim.units, 0.25)


def test_row_faults_come_in_their_shares_beside_the_true_rows(faulty: Logs) -> None:
    sim, kinds = faulty.sim, Counter(row.event_id[0] for row in without_doubles(faulty.exposures))
    true = _true_rows(faulty)
    eligible = sum(not row.is_bot for row in true)
    assert set(kinds) == set("xntlu")
    assert_share(doubles(faulty.exposures), eligible, sim.duplicate_rows)
    for mark, share in {
        "n": sim.null_ids,
        "t": sim.bad_times,
        "l": sim.late,
        "u": sim.unknown_variant,
    }.items():
        assert_share(kinds[mark], eligible, share)
    assert doubles(row.event_id for row in without_doubles(faulty.exposures)) == 0


def test_a_faulty_row_differs_from_its_true_row_in_its_fault_alone(faulty: Logs) -> None:
    true = {row.event_id: row.asDict() for row in _true_rows(faulty)}
    late = []
    for row in without_doubles(faulty.exposures):
        mark, origin = row.event_id[0], true.get(row.event_id[1:])
        if mark == "x":
            continue
        assert origin is not None
        changed = {
            "n": {"user_id": None},
            "t": {"at": None},
            "u": {"variant": "retired"},
            "l": {"at": row.at},
        }[mark]
        assert row.asDict() == {**origin, "event_id": row.event_id, **changed}
        assert not row.is_bot
        if mark == "l":
            late.append(row.at)
    assert faulty.end <= min(late)
    assert max(late) < faulty.horizon


def test_the_faults_leave_the_true_rows_as_they_are(faulty: Logs, spark: SparkSession) -> None:
    rowwise = replace(faulty.sim.clean(), two_variants=0.0, null_ids=0.2, late=0.2, duplicate_rows=0.2)
    true = [row for row in without_doubles(exposures(spark, rowwise).collect()) if row.event_id[0] == "x"]
    assert Counter(true) == Counter(exposures(spark, faulty.sim.clean()).collect())


def test_faults_of_units(faulty: Logs, spark: SparkSession) -> None:
    sim, units = faulty.sim, _by_unit(_true_rows(faulty))
    bots = {key[1] for key, shown in units.items() if shown[0].is_bot}
    assert_share(len(bots), len({key[1] for key in units}), sim.bots)
    assert all(row.is_bot == (row.user_id in bots) for row in _true_rows(faulty))

    wrong = sum(
        shown[0].variant != hashed_variant(experiment_id, user_id, sim.variant_names)
        for (experiment_id, user_id), shown in units.items()
    )
    assert_share(wrong, len(units), sim.wrong_variant)

    two = [shown for shown in units.values() if len({row.variant for row in shown}) > 1]
    assert_share(len(two), len(units), sim.two_variants)
    for shown in two:
        assert sum(row.variant != shown[0].variant for row in shown) == 1
        assert shown[-1].at < faulty.end


def test_lost_rows_are_those_of_treatment_units(faulty: Logs, spark: SparkSession) -> None:
    share = faulty.sim.lost_treatment_rows
    frame = exposures(spark, replace(faulty.sim, lost_treatment_rows=0.0)).withColumnRenamed("ts", "at")
    whole = Logs(faulty.sim, frame.collect(), [])
    before, after = (
        Counter(shown[0].variant for shown in _by_unit(_true_rows(logs)).values()) for logs in (whole, faulty)
    )
    assert after["control"] == before["control"]
    for name in ("treatment_1", "treatment_2"):
        assert_share(before[name] - after[name], before[name], share)


def test_injected_counts_are_those_of_the_logs(faulty: Logs, spark: SparkSession) -> None:
    rows = without_doubles(faulty.exposures)
    kinds = Counter(row.event_id[0] for row in rows)
    units = _by_unit(_true_rows(faulty))
    found = injected(spark, faulty.sim)
    assert found["exposures"] == {
        "rows": len(faulty.exposures),
        "duplicate_rows": doubles(faulty.exposures),
        "null_ids": sum(row.user_id is None for row in rows),
        "bad_times": sum(row.at is None for row in rows),
        "late": sum(row.at is not None and row.at >= faulty.end for row in rows),
        "unknown_variant": sum(row.variant == "retired" for row in rows),
        "bots": sum(row.is_bot for row in faulty.exposures),
        "two_variants": sum(len({row.variant for row in shown}) - 1 for shown in units.values()),
    }
    events = without_doubles(faulty.events)
    event_kinds = Counter(row.event_id[0] for row in events)
    assert found["events"] == {
        "rows": len(faulty.events),
        "duplicate_events": doubles(faulty.events),
        "null_ids": sum(row.user_id is None for row in events),
        "bad_times": sum(row.at is None for row in events),
        "late": sum(row.at is not None and row.at >= faulty.horizon for row in events),
        "before_exposure": event_kinds["c"],
    }
    assert found["units"]["exposed"] - found["units"]["lost_treatment_rows"] == len(units)
    assert_share(found["units"]["wrong_variant"], found["units"]["exposed"], faulty.sim.wrong_variant)
    assert kinds["u"] == found["exposures"]["unknown_variant"]
