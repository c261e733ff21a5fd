"""Which rows `abspark results` shows: those of the last day, of all days, or by days since exposure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from report_rows import DAY, experiment, exposure_series, result, row, series

from abspark import cli
from abspark.config import Metric, Project

CONVERSION = {"name": "conversion", "kind": "proportion", "source": "orders", "window": {"end": "7d"}}
LOAD = {
    "name": "load_ms",
    "kind": "proportion",
    "source": "orders",
    "window": {"end": "7d"},
    "direction": "decrease",
}


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = {given["name"]: Metric.model_validate(given) for given in (CONVERSION, LOAD)}
    project = Project(Path(), {}, {}, metrics, {"exp": experiment(("conversion", "load_ms"))})
    monkeypatch.setattr(cli, "_project", lambda *_: project)


def test_the_verdict_and_which_way_is_better_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [result("conversion"), result("load_ms", role="guardrail")]
    decision = row("decisions", decision="stop_for_harm", reasons=["treatment: load_ms is harmed."])
    others = row("decisions", experiment_id="other", decision="ship", reasons=["Of another."])
    monkeypatch.setattr(cli, "_committed", lambda *_: (rows, [others, decision], [], []))
    shown = CliRunner().invoke(cli.cli, ["results", "--env", "here"], catch_exceptions=False).stdout
    marks = {line.split()[0]: line.split()[-1] for line in shown.splitlines() if "+15.20%" in line}
    assert marks == {"conversion": "✓", "load_ms": "✗"}
    assert [line for line in shown.splitlines() if line.startswith("Verdict")] == [
        "Verdict: stop for harm. treatment: load_ms is harmed."
    ]


def test_a_look_on_record_says_which_way_a_significant_row_went(monkeypatch: pytest.MonkeyPatch) -> None:
    """The effect lies above zero by now, but the look that decided was below."""
    rows = [result("conversion", method="group_sequential")]
    looks = [row("looks", metric="conversion", treatment="treatment", day=DAY, statistic=-3.0)]
    monkeypatch.setattr(cli, "_committed", lambda *_: (rows, [], looks, []))
    shown = CliRunner().invoke(cli.cli, ["results", "--env", "here"], catch_exceptions=False).stdout
    assert "✗" in shown
    assert "✓" not in shown
    assert "Verdict" not in shown


def test_rows_by_days_since_exposure_have_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    decision = row("decisions", decision="ship", reasons=["Ship treatment."])
    monkeypatch.setattr(cli, "_committed", lambda *_: ([*exposure_series(), *series()], [decision], [], []))
    asked = ["results", "--env", "here", "--days"]
    shown = [
        CliRunner().invoke(cli.cli, [*asked, days], catch_exceptions=False) for days in ("last", "exposure")
    ]
    assert ["Verdict: ship. Ship treatment." in each.stdout for each in shown] == [True, False]
    assert ["✓" in each.stdout for each in shown] == [True, False]


def test_without_days_since_exposure_it_is_said_who_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_committed", lambda *_: (series(days=1), [], [], []))
    asked = ["results", "--env", "here", "--days", "exposure"]
    found = CliRunner().invoke(cli.cli, asked, catch_exceptions=False)
    assert found.stdout == ""
    assert found.stderr == (
        "no rows by days since exposure: experiments with series: {since_exposure: true} have them\n"
    )


def test_failing_checks_are_told_beside_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [
        {"experiment_id": "exp", "check": check, "status": status}
        for check, status in (("srm", "fail"), ("srm", "fail"), ("hash", "fail"), ("bots", "warn"))
    ]

    def committed(*asked: object) -> tuple[list[dict[str, Any]], ...]:
        return (series(days=1), [], [], checks) if asked[-1] == "health" else (series(days=1),)

    monkeypatch.setattr(cli, "_committed", committed)
    shown = CliRunner().invoke(cli.cli, ["results", "--env", "here"], catch_exceptions=False)
    assert shown.stderr == (
        "exp: do not trust these numbers yet, as a health check fails: srm, hash. See abspark health\n"
    )
    as_json = CliRunner().invoke(cli.cli, ["results", "--env", "here", "--format", "json"])
    assert as_json.stderr == ""


def test_an_experiment_without_units_is_told_beside_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [result(metric, n_control=0, n_treatment=0) for metric in ("conversion", "revenue")]
    others = [result("conversion", experiment_id="other", n_control=0, n_treatment=5)]
    monkeypatch.setattr(cli, "_committed", lambda *_: ([*rows, *others], [], [], []))
    shown = CliRunner().invoke(cli.cli, ["results", "--env", "here"], catch_exceptions=False)
    assert shown.stderr == (
        "exp: no units: none of the exposures that were read counts. abspark drops says why\n"
    )


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        ([{"check": "srm", "status": "pass"}], "the committed runs have no rows of drops\n"),
        ([], "nothing to show yet: no run has committed a configured experiment; abspark run\n"),
    ],
)
def test_without_drops_it_is_said_whether_anything_is_committed(
    monkeypatch: pytest.MonkeyPatch, checks: list[Any], told: str
) -> None:
    monkeypatch.setattr(cli, "_committed", lambda *_: ([], checks))
    found = CliRunner().invoke(cli.cli, ["drops", "--env", "here"], catch_exceptions=False)
    assert (found.stdout, found.stderr) == ("", told)


def test_a_gate_does_not_pass_where_nothing_is_committed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_committed", lambda *_: ([],))
    asked = ["health", "--env", "here", "--format", "json"]
    assert cli.invoke(cli.cli, asked) == 0
    capsys.readouterr()
    assert cli.invoke(cli.cli, [*asked, "--fail-on-health"]) == 4
    told = capsys.readouterr()
    assert told.out == "[]\n"
    assert told.err == (
        "error: there is nothing to check: no run has committed a configured experiment\n  do: abspark run\n"
    )


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ((), [("2026-03-15", None)]),
        (("--days", "all"), [("2026-03-13", None), ("2026-03-14", None), ("2026-03-15", None)]),
        (("--days", "exposure"), [(None, 0), (None, 1)]),
    ],
)
def test_days(monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], days: list[Any]) -> None:
    rows = [*exposure_series(days=2), *series(days=3)]
    monkeypatch.setattr(cli, "_committed", lambda *_: (rows,))
    found = CliRunner().invoke(
        cli.cli, ["results", "--env", "here", "--format", "json", *options], catch_exceptions=False
    )
    assert found.exit_code == 0, found.output
    assert [(row["day"], row["exposure_day"]) for row in json.loads(found.stdout)] == days
