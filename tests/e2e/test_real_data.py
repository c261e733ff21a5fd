"""Real data sets through configuration alone. Expected numbers: counted in the files themselves with awk and DuckDB,
and published by the analyses that the sets come from (sources in the data folder's SOURCE.txt)."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from abspark import queries, runner
from abspark.config import Project, load_project

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
CONFIGURATIONS = Path(__file__).parent / "real"
Rows = list[dict[str, Any]]
Analyse = Callable[..., tuple[SparkSession, Project]]


@pytest.fixture(scope="module")
def analyse(compiling: SparkSession, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Analyse:
    """Run a data set's project, with text of its files replaced and variables set, into a lake of its own."""

    def run(
        name: str, replace: dict[str, str] | None = None, **variables: str
    ) -> tuple[SparkSession, Project]:
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(CONFIGURATIONS / name, folder, dirs_exist_ok=True)
        for old, new in (replace or {}).items():
            found = [file for file in folder.rglob("*.yaml") if old in file.read_text()]
            assert found, old
            for file in found:
                file.write_text(file.read_text().replace(old, new))
        environ = {"ABSPARK_REAL_DATA": str(real_data), "LAKE": str(folder / "lake"), **variables}
        project = load_project(folder / "conf", "test", environ=environ)
        runner.run(compiling, project, as_of=AS_OF)
        return compiling, project

    return run


@pytest.fixture(scope="module")
def udacity(
    analyse: Analyse, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SparkSession, Project]:
    folder = tmp_path_factory.mktemp("udacity_csv")
    with zipfile.ZipFile(real_data / "udacity_ab_data" / "ab_data.csv.zip") as archive:
        archive.extract("ab_data.csv", folder)
    return analyse("udacity", UDACITY_CSV=str(folder / "ab_data.csv"))


@pytest.fixture(scope="module")
def globox(analyse: Analyse) -> tuple[SparkSession, Project]:
    return analyse("globox")


@pytest.fixture(scope="module")
def cookie_cats(analyse: Analyse) -> tuple[SparkSession, Project]:
    return analyse("cookie_cats")


def last_days(run: tuple[SparkSession, Project], table: str, experiment: str) -> Rows:
    rows = queries.rows(*run, table, experiments=[experiment])
    last = max(row["day"] for row in rows)
    return [row for row in rows if row["day"] == last]


def moments(run: tuple[SparkSession, Project], experiment: str) -> dict[tuple[str, str], dict[str, Any]]:
    rows = last_days(run, "moments", experiment)
    return {(row["metric"], row["variant"]): row for row in rows if row["segment_name"] is None}


def segments(
    run: tuple[SparkSession, Project], experiment: str, metric: str
) -> dict[tuple[str, ...], dict[str, Any]]:
    rows = last_days(run, "moments", experiment)
    mine = [row for row in rows if row["metric"] == metric and row["segment_name"] is not None]
    return {(row["segment_name"], row["segment_value"], row["variant"]): row for row in mine}


def drops(
    run: tuple[SparkSession, Project], experiment: str, stage: str
) -> dict[tuple[str, str | None], int]:
    rows = queries.rows(*run, "drops", experiments=[experiment])
    mine = [row for row in rows if row["stage"] == stage and row["experiment_id"] == experiment]
    return {(row["reason"], row["variant"]): row["rows"] for row in mine}


def conversions(found: dict[tuple[str, str], dict[str, Any]], metric: str, variant: str) -> tuple[int, float]:
    row = found[metric, variant]
    return row["n"], row["mean_num"] * row["n"]


def test_udacity_counts_and_test(udacity: tuple[SparkSession, Project]) -> None:
    found = moments(udacity, "landing_page")
    assert conversions(found, "conversion", "control") == (145_274, pytest.approx(17_489, rel=1e-12))
    assert conversions(found, "conversion", "treatment") == (145_310, pytest.approx(17_264, rel=1e-12))
    [row] = [row for row in last_days(udacity, "results", "landing_page") if row["segment_name"] is None]
    assert row["statistic"] == pytest.approx(-1.3109, abs=5e-5)
    assert row["p_value"] == pytest.approx(0.1899, abs=5e-5)
    assert row["significant"] is False
    assert row["reason"] is None


def test_udacity_accounts_for_every_row(udacity: tuple[SparkSession, Project]) -> None:
    exposures = drops(udacity, "landing_page", "exposures")
    assert sum(n for (reason, _), n in exposures.items() if reason == "filtered") == 3_893
    assert sum(n for (reason, _), n in exposures.items() if reason == "repeated_exposure") == 1
    assert {reason for reason, _ in exposures} == {"filtered", "repeated_exposure"}
    assert drops(udacity, "landing_page", "units") == {}
    [run] = queries.runs(*udacity)
    inputs = {source["source"]: source for source in run["inputs"]}
    assert inputs["visits"]["rows"] == 294_478
    assert inputs["visits"]["kept"] == 294_478 - 3_893 - 1


def test_udacity_without_the_filter_excludes_units_of_both_groups(
    udacity: tuple[SparkSession, Project],
) -> None:
    found = moments(udacity, "landing_page_unfiltered")
    metric = "conversion_any_page"
    assert conversions(found, metric, "control") == (144_300, pytest.approx(17_468, rel=1e-12))
    assert conversions(found, metric, "treatment") == (144_389, pytest.approx(17_268, rel=1e-12))
    units = drops(udacity, "landing_page_unfiltered", "units")
    assert sum(units.values()) == 1_895
    assert {reason for reason, _ in units} == {"multiple_variants"}


def test_globox_means_and_variances(globox: tuple[SparkSession, Project]) -> None:
    found = moments(globox, "food_banner")
    assert conversions(found, "conversion", "A") == (24_343, pytest.approx(955, rel=1e-12))
    assert conversions(found, "conversion", "B") == (24_600, pytest.approx(1_139, rel=1e-12))
    assert found["spend", "A"]["mean_num"] == pytest.approx(3.374518467928841, rel=1e-12)
    assert found["spend", "A"]["var_num"] == pytest.approx(672.6963553366811, rel=1e-9)
    assert found["spend", "B"]["mean_num"] == pytest.approx(3.3908669458857834, rel=1e-12)
    assert found["spend", "B"]["var_num"] == pytest.approx(645.8769667214557, rel=1e-9)


GLOBOX_UNITS = """
    create view spent as select cast(uid as varchar) as uid, sum(spent) as spend from '{0}/activity.csv' group by 1;
    create view units as
      select g.uid, g."group" as variant, g.device, u.country, u.gender, coalesce(s.spend, 0) as spend
      from read_csv('{0}/groups.csv', all_varchar = true) g
      left join read_csv('{0}/users.csv', all_varchar = true) u on u.id = g.uid
      left join spent s on s.uid = g.uid;
"""


@pytest.fixture(scope="module")
def globox_units(real_data: Path) -> duckdb.DuckDBPyConnection:
    """One row per unit, made by DuckDB: variant, device, country, gender, spend."""
    connection = duckdb.connect()
    connection.execute(GLOBOX_UNITS.format(real_data / "globox"))
    return connection


@pytest.mark.parametrize("name", ["device", "country", "gender", "device_and_gender"])
def test_globox_by_segment(
    globox: tuple[SparkSession, Project], globox_units: duckdb.DuckDBPyConnection, name: str
) -> None:
    value = {
        "device_and_gender": "coalesce(device, '(missing)') || ' / ' || coalesce(gender, '(missing)')"
    }.get(name, f"coalesce({name}, '(missing)')")
    query = f"select {value}, variant, count(*), avg(spend), var_samp(spend) from units group by 1, 2"
    expected = {(name, v, arm): numbers for v, arm, *numbers in globox_units.execute(query).fetchall()}
    found = segments(globox, "food_banner", "spend")
    mine = {key: row for key, row in found.items() if key[0] == name}
    assert mine.keys() == expected.keys()
    for key, (n, mean, variance) in expected.items():
        assert mine[key]["n"] == n
        assert mine[key]["mean_num"] == pytest.approx(mean, rel=1e-9)
        spread = None if variance is None else pytest.approx(variance, rel=1e-9)
        assert mine[key]["var_num"] == spread


def test_globox_spend_capped(
    globox: tuple[SparkSession, Project], globox_units: duckdb.DuckDBPyConnection
) -> None:
    cap = "(select quantile_cont(spend, 0.99) from units where spend <> 0)"
    query = f"select variant, {cap}, avg(least(spend, {cap})), var_samp(least(spend, {cap})) from units group by 1"
    found = moments(globox, "food_banner")
    for variant, bound, mean, variance in globox_units.execute(query).fetchall():
        row = found["spend_capped", variant]
        assert row["cap_upper"] == pytest.approx(bound, rel=1e-12)
        assert row["mean_num"] == pytest.approx(mean, rel=1e-9)
        assert row["var_num"] == pytest.approx(variance, rel=1e-9)


def test_udacity_by_country(udacity: tuple[SparkSession, Project], real_data: Path) -> None:
    csv = udacity[1].exposures["visits"].path
    query = f"""
      with first as (
        select user_id, "group" as arm, max(converted) as converted from '{csv}'
        where ("group" = 'control') = (landing_page = 'old_page') group by 1, 2)
      select coalesce(country, '(missing)'), arm, count(*), sum(converted)
      from first left join '{real_data / "udacity_ab_data" / "countries.csv"}' using (user_id) group by 1, 2"""
    expected = {("country", c, arm): (n, x) for c, arm, n, x in duckdb.connect().execute(query).fetchall()}
    found = segments(udacity, "landing_page", "conversion")
    assert {key: (row["n"], round(row["mean_num"] * row["n"])) for key, row in found.items()} == expected


def test_cookie_cats_counts(cookie_cats: tuple[SparkSession, Project]) -> None:
    found = moments(cookie_cats, "gate")
    assert conversions(found, "retention_1", "gate_30") == (44_700, pytest.approx(20_034, rel=1e-12))
    assert conversions(found, "retention_1", "gate_40") == (45_489, pytest.approx(20_119, rel=1e-12))
    assert conversions(found, "retention_7", "gate_30") == (44_700, pytest.approx(8_502, rel=1e-12))
    assert conversions(found, "retention_7", "gate_40") == (45_489, pytest.approx(8_279, rel=1e-12))


def srm(run: tuple[SparkSession, Project]) -> dict[str, Any]:
    [row] = [row for row in queries.rows(*run, "health") if row["check"] == "srm"]
    return row


def test_cookie_cats_sample_ratio_fires_at_one_per_cent(cookie_cats: tuple[SparkSession, Project]) -> None:
    row = srm(cookie_cats)
    assert row["p_value"] == pytest.approx(0.0086, abs=5e-5)
    assert row["status"] == "fail"


def test_cookie_cats_sample_ratio_is_silent_at_the_default(analyse: Analyse) -> None:
    row = srm(analyse("cookie_cats", {"\nhealth: {srm: {threshold: 0.01}}": ""}))
    assert row["p_value"] == pytest.approx(0.0086, abs=5e-5)
    assert row["threshold"] == 0.001
    assert row["status"] == "pass"
