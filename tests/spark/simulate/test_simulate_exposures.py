from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession
from simulated_logs import (
    DAY,
    Logs,
    assert_share,
    by_unit,
    collected,
    doubles,
    hashed_variant,
    true_rows,
    without_doubles,
)

from abspark.simulate import exposures, population
from abspark.simulate.population import COUNTRIES, PLATFORMS


def test_the_columns(faulty: Logs) -> None:
    assert faulty.schemas[0] == (
        "struct<experiment_id:string,user_id:string,variant:string,ts:timestamp,event_id:string,country:string,"
        "platform:string,is_bot:boolean>"
    )


def test_rows_do_not_depend_on_partitions(
    faulty: Logs, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(population, "ROWS_PER_PARTITION", 900)
    assert Counter(collected(exposures(spark, faulty.sim))) == Counter(faulty.exposures)


def test_another_seed_gives_other_rows(clean: Logs, spark: SparkSession) -> None:
    other = collected(exposures(spark, replace(clean.sim, seed=12)))
    mine, theirs = (
        {(row.experiment_id, row.user_id[-9:]) for row in rows} for rows in (clean.exposures, other)
    )
    # Half of all (unit, experiment) pairs are exposed, so two seeds share a third of those that either has.
    assert len(mine & theirs) / len(mine | theirs) == pytest.approx(1 / 3, abs=0.03)


def test_clean_rows_are_what_the_parameters_say(clean: Logs) -> None:
    sim, rows = clean.sim, clean.exposures
    units = by_unit(rows)
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
    firsts = [(shown[0].at - clean.start) // DAY for shown in by_unit(clean.exposures).values()]
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
    true = true_rows(faulty.exposures)
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
    true = {row.event_id: row.asDict() for row in true_rows(faulty.exposures)}
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


def test_the_faults_leave_the_true_rows_as_they_are(clean: Logs, spark: SparkSession) -> None:
    rowwise = replace(clean.sim, null_ids=0.2, late=0.2, duplicate_rows=0.2)
    assert Counter(true_rows(collected(exposures(spark, rowwise)))) == Counter(clean.exposures)


def test_faults_of_units(faulty: Logs) -> None:
    sim, units = faulty.sim, by_unit(true_rows(faulty.exposures))
    bots = {key[1] for key, shown in units.items() if shown[0].is_bot}
    assert_share(len(bots), len({key[1] for key in units}), sim.bots)
    assert all(row.is_bot == (row.user_id in bots) for row in true_rows(faulty.exposures))

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
    whole = collected(exposures(spark, replace(faulty.sim, lost_treatment_rows=0.0)))
    before, after = (
        Counter(shown[0].variant for shown in by_unit(true_rows(rows)).values())
        for rows in (whole, faulty.exposures)
    )
    assert after["control"] == before["control"]
    for name in ("treatment_1", "treatment_2"):
        assert_share(before[name] - after[name], before[name], share)
