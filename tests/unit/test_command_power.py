"""`abspark power`; expected numbers by statsmodels and scipy, and the worked figures of the statistics page."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from abspark.baseline import baseline_of, read_baseline
from abspark.command_power import power
from abspark.config import Metric, load_project
from abspark.config.starter import write_starter
from abspark.errors import UsageError
from abspark.schemas import MOMENTS
from abspark.stats.group_sequential import Plan as Sequence
from abspark.stats.group_sequential import look_boundaries
from abspark.stats.sequential_design import Futility, futility_boundaries
from abspark.stats.spending import Spending


def run(*options: str) -> dict[str, Any]:
    result = CliRunner().invoke(power, [*options, "--format", "json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert isinstance(row, dict)
    return row


def refused(*options: str) -> str:
    result = CliRunner().invoke(power, list(options))
    assert isinstance(result.exception, UsageError)
    return str(result.exception)


MEAN = ("--mean", "20", "--sd", "8")
RATE = ("--rate", "0.05")
UNITS = TTestIndPower().solve_power(effect_size=0.1, alpha=0.05, power=0.8) * 2
"""An effect of 0.1 standard deviations, which is 4 % of 20 with sd 8."""


def two_arms(units: float) -> int:
    """Units of two equal arms, each of whole units."""
    return 2 * math.ceil(units / 2)


def test_units_for_a_lift_of_a_proportion() -> None:
    assert run(*RATE, "--effect", "0.01") == {
        "baseline": 0.05, "sd": pytest.approx(math.sqrt(0.05 * 0.95)), "alpha": 0.05, "relative_effect": 0.01,
        "effect": pytest.approx(0.0005), "power": 0.8, "units": 2 * 2_996_698,
        "units_control": 2_996_698, "units_treatment": 2_996_698,
    }  # fmt: skip


def test_power_and_detectable_lift_of_a_proportion() -> None:
    assert run(*RATE, "--effect", "0.01", "--units", "60000")["power"] == pytest.approx(0.0465, abs=5e-5)
    found = run(*RATE, "--units", "60000")
    assert found["relative_effect"] == pytest.approx(0.102, abs=5e-4)
    down = run(*RATE, "--units", "60000", "--direction", "decrease")
    assert -0.102 < down["relative_effect"] < -0.09
    back = run(*RATE, "--effect", str(down["relative_effect"]), "--units", "60000")
    assert back["power"] == pytest.approx(0.8, abs=1e-6)


def test_units_for_a_difference_of_means() -> None:
    assert run(*MEAN, "--effect", "0.04")["units"] == two_arms(UNITS)
    assert run(*MEAN, "--effect", "-0.04")["units"] == two_arms(UNITS)


def test_detectable_difference_of_means() -> None:
    found = run(*MEAN, "--units", str(UNITS))
    assert (found["relative_effect"], found["effect"]) == (
        pytest.approx(0.04, rel=1e-5),
        pytest.approx(0.8, rel=1e-5),
    )
    assert run(*MEAN, "--units", str(UNITS), "--direction", "decrease")["effect"] == pytest.approx(
        -0.8, rel=1e-5
    )


@pytest.mark.parametrize(
    ("options", "solved"),
    [
        (("--alpha", "0.01"), {"alpha": 0.01}),
        (("--power", "0.95"), {"power": 0.95}),
        (("--sides", "1"), {"alternative": "larger"}),
        (("--comparisons", "4"), {"alpha": 0.0125}),
        (("--variance-reduction", "0.36"), {"effect_size": 0.125}),
    ],
)
def test_options_of_the_design(options: tuple[str, ...], solved: dict[str, Any]) -> None:
    settings = {"effect_size": 0.1, "alpha": 0.05, "power": 0.8} | solved
    expected = TTestIndPower().solve_power(**settings) * 2
    assert run(*MEAN, "--effect", "0.04", *options)["units"] == two_arms(expected)


def test_unequal_shares_and_inflation() -> None:
    # statsmodels pools the degrees of freedom, Welch's are fewer: about 0.1 % more units
    arm = TTestIndPower().solve_power(effect_size=0.1, alpha=0.05, power=0.8, ratio=0.25)
    shares = ("--share-control", "0.4", "--share-treatment", "0.1")
    found = run(*MEAN, "--effect", "0.04", *shares)
    assert found["units"] == pytest.approx(arm / 0.4, rel=2e-3)
    assert (found["units_control"], found["units_treatment"]) == (
        pytest.approx(arm, rel=2e-3), pytest.approx(arm / 4, rel=3e-3),
    )  # fmt: skip
    inflated = run(*MEAN, "--effect", "0.04", "--inflation", "1.2")
    assert inflated["units"] == two_arms(1.2 * UNITS)


def test_the_total_is_the_sum_of_its_arms() -> None:
    two = run(*MEAN, "--effect", "0.04")
    assert two["units"] == two["units_control"] + two["units_treatment"]
    some = run(*MEAN, "--effect", "0.04", "--share-control", "0.4", "--share-treatment", "0.1")
    others = some["units"] - some["units_control"] - some["units_treatment"]
    assert others == pytest.approx(some["units"] / 2, abs=1)


@pytest.mark.parametrize(
    ("shares", "arms"), [(("0.5", "0.5"), (2501, 2500)), (("0.3", "0.7"), (1501, 3500)), (("0.4", "0.1"), (2001, 500))]
)  # fmt: skip
def test_given_units_are_split(shares: tuple[str, str], arms: tuple[int, int]) -> None:
    asked = ("--units", "5001", "--share-control", shares[0], "--share-treatment", shares[1])
    found = run(*MEAN, "--effect", "0.04", *asked)
    assert (found["units"], found["units_control"], found["units_treatment"]) == (5001, *arms)


@pytest.mark.parametrize(
    ("options", "factor"),
    [
        # rpact 3.3.4, cases gs-39 and gs-40 of tests/reference: normal reference, so a few units fewer
        (("--looks", "5"), 1.02472),
        (("--looks", "5", "--spending", "pocock"), 1.21263),
        (("--looks", "1"), 1.0),
        (("--looks", "1", "--futility", "obf"), 1.0),
    ],
)
def test_the_inflation_of_looks(options: tuple[str, ...], factor: float) -> None:
    found = run(*MEAN, "--effect", "0.04", *options)
    assert found["units"] / UNITS == pytest.approx(factor, abs=1e-3)


def test_the_inflation_of_futility() -> None:
    """gsDesign's default design, as its technical manual prints it."""
    asked = (*MEAN, "--effect", "0.04", "--sides", "1", "--alpha", "0.025", "--power", "0.9")
    fixed = run(*asked)["units"]
    looked = run(*asked, "--looks", "3", "--spending", "hsd:-4")["units"]
    futile = run(*asked, "--looks", "3", "--spending", "hsd:-4", "--futility", "hsd:-2")["units"]
    assert futile / fixed == pytest.approx(1.070, abs=5e-4)
    assert 1 < looked / fixed < 1.03


@pytest.mark.parametrize("futility", ["obf", "pocock", "power:3"])
def test_who_follows_the_advice_of_futility_keeps_the_power(futility: str) -> None:
    """Simulated: normal increments, boundaries at the inflated size, 400,000 experiments with the effect."""
    fixed = run(*MEAN, "--effect", "0.04")["units"]
    inflated = run(*MEAN, "--effect", "0.04", "--looks", "4", "--futility", futility)["units"]
    family, _, parameter = futility.partition(":")
    share = np.arange(1, 5) / 4
    drift = (stats.norm.isf(0.025) + stats.norm.isf(0.2)) * math.sqrt(inflated / fixed)
    looks = look_boundaries(share[None, :], share[None, :], plan=Sequence(Spending("obf"), 0.05))
    spending = Spending(family, float(parameter) if parameter else None)
    futile = futility_boundaries(looks, np.array([drift]), futility=Futility(spending, 0.2))
    paths = np.random.default_rng(1).normal(drift / 4, 0.5, (400_000, 4)).cumsum(axis=1) / np.sqrt(share)
    won, lost = paths >= looks.boundary, paths <= futile
    lost |= paths <= -looks.boundary
    first = np.argmax(won | lost, axis=1)
    rows = np.arange(len(paths))
    assert (won & ~lost)[rows, first].mean() == pytest.approx(0.8, abs=0.003)
    assert lost[:, 0].mean() > 0


def test_days() -> None:
    found = run(*MEAN, "--effect", "0.04", "--units-per-day", "500")
    assert found["days"] == math.ceil(UNITS / 500)
    later = run(*MEAN, "--effect", "0.04", "--units-per-day", "500", "--window-days", "7")
    assert later["days"] == found["days"] + 7


def test_non_inferiority_of_a_mean_weighs_the_control() -> None:
    """Normal approximation; the t-test needs a few units more."""
    for direction, weight in (("increase", 0.9), ("decrease", 1.1)):
        found = run(*MEAN, "--margin", "0.1", "--direction", direction)
        quantiles = stats.norm.isf(0.025) + stats.norm.isf(0.2)
        expected = 2 * (1 + weight**2) * 64 * quantiles**2 / 2**2
        assert found["units"] == pytest.approx(expected, abs=6)
        assert found["margin"] == 0.1


def test_non_inferiority_of_a_proportion() -> None:
    found = run("--rate", "0.2", "--margin", "0.1", "--units", "5000")
    error = math.sqrt(0.16 * (1 + 0.9**2) / 2500)
    expected = NormalIndPower(ddof=0).power(0.02 / error / math.sqrt(1 / 2), 1, 0.025, alternative="larger")
    assert found["power"] == pytest.approx(expected, abs=1e-9)


def test_the_table_shows_the_same() -> None:
    result = CliRunner().invoke(power, [*RATE, "--effect", "0.01"], catch_exceptions=False)
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["baseline"] == "0.05"
    assert int(lines["units"].replace(",", "")) == run(*RATE, "--effect", "0.01")["units"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "exactly one of --rate and --mean must be given"),
        ((*RATE, *MEAN, "--effect", "0.1"), "exactly one of --rate and --mean must be given"),
        (("--mean", "2", "--effect", "0.1"), "--mean and --sd go together"),
        (RATE, "nothing to solve for"),
        ((*RATE, "--effect", "0.1", "--margin", "0.1"), "ask different questions"),
        ((*RATE, "--effect", "0.1", "--direction", "decrease"), "leave out --direction"),
        ((*RATE, "--margin", "0.1", "--sides", "1"), "leave out --sides"),
        ((*RATE, "--margin", "0.1", "--comparisons", "3"), "leave out --comparisons"),
        ((*RATE, "--effect", "0.1", "--units", "9000", "--power", "0.9"), "leave out --power"),
        ((*RATE, "--effect", "0.1", "--window-days", "7"), "--window-days needs --units-per-day"),
        ((*RATE, "--effect", "0"), "--effect must not be 0"),
        ((*RATE, "--effect", "nan"), "--effect must be a finite number"),
        ((*RATE, "--effect", "0.1", "--power", "nan"), "--power must be a finite number"),
        ((*RATE, "--effect", "0.1", "--units", "inf"), "--units must be a finite number"),
        ((*RATE, "--units", "1e16"), "--units must be at most 1e+15"),
        ((*RATE, "--effect", "0.1", "--units-per-day", "9", "--window-days", "nan"), "--window-days must be a finite"),
        ((*RATE, "--effect", "30"), "makes a rate of 1.55"),
        ((*RATE, "--margin", "1"), "--margin must be below 1"),
        (("--rate", "1.2", "--effect", "0.1"), "--rate must lie between 0 and 1"),
        ((*MEAN, "--effect", "0.1", "--power", "1"), "--power must lie between 0 and 1"),
        *(
            ((*RATE, "--effect", "0.1", "--alpha", given), f"--alpha = {given} is out of range: above 0 and below 0.5")
            for given in ("0.95", "0.5", "5.0", "0.0", "-1.0")
        ),
        ((*RATE, "--effect", "0.1", "--variance-reduction", "1"), "--variance-reduction must be at least 0 and below"),
        ((*RATE, "--effect", "0.1", "--inflation", "0.5"), "--inflation must be at least 1"),
        ((*MEAN, "--units", "3"), "fewer than two"),
        ((*MEAN, "--units", "-3"), "--units must be above 0"),
        ((*RATE, "--effect", "0.1", "--share-control", "0.8"), "sum to at most 1"),
        ((*RATE, "--effect", "0.1", "--looks", "5", "--inflation", "1.1"), "leave out --inflation"),
        ((*RATE, "--effect", "0.1", "--spending", "obf"), "--spending needs --looks"),
        ((*RATE, "--effect", "0.1", "--futility", "obf"), "--futility needs --looks"),
        ((*RATE, "--margin", "0.1", "--looks", "5", "--futility", "obf"), "--margin about guardrails: give one"),
        ((*RATE, "--effect", "0.1", "--looks", "5", "--spending", "hsd"), "--spending hsd is no spending function"),
        ((*RATE, "--effect", "0.1", "--looks", "5", "--futility", "obf:1"), "--futility obf:1 is no spending"),
        ((*RATE, "--effect", "0.1", "--looks", "5", "--futility", "power:x"), "--futility power:x is no spending"),
        ((*RATE, "--effect", "0.1", "--looks", "0"), "--looks must be 1 to 100"),
        ((*RATE, "--units", "5"), "no effect is detected with that power"),
    ],
)  # fmt: skip
def test_questions_without_meaning_are_refused(options: tuple[str, ...], message: str) -> None:
    assert message in refused(*options)


@pytest.mark.parametrize("options", [("--alpha", "5"), ("--share-control", "0.8"), ("--comparisons", "0")])
def test_what_is_refused_says_where_to_look(options: tuple[str, ...]) -> None:
    assert refused(*RATE, "--effect", "0.1", *options).endswith("\n  do: abspark power --help")


@pytest.mark.parametrize(
    ("options", "doubt"),
    [
        ((*MEAN, "--effect", "10"), "--effect 10 is 1000% of the baseline (two percent is 0.02): is that meant?\n"),
        ((*MEAN, "--effect", "-1"), "--effect -1 is -100% of the baseline (two percent is 0.02): is that meant?\n"),
        (
            (*RATE, "--margin", "5", "--direction", "decrease"),
            "--margin 5 is 500% of the baseline (two percent is 0.02): is that meant?\n",
        ),
        ((*MEAN, "--effect", "0.9"), ""),
    ],
)  # fmt: skip
def test_per_cent_in_place_of_a_share_is_doubted(options: tuple[str, ...], doubt: str) -> None:
    result = CliRunner().invoke(power, list(options), catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, doubt)


def measured(variant: str, mean: float, **given: Any) -> dict[str, Any]:
    blank: dict[str, Any] = dict.fromkeys(MOMENTS.names)
    return blank | {
        "n": 1000, "n_units": 1000, "metric": "delay", "variant": variant, "segment_name": None,
        "day": date(2026, 1, 2), "mean_num": mean, "var_num": 64.0, **given,
    }  # fmt: skip


MEASURED = [
    measured("b", 21.0),
    measured("a", 20.0),
    measured("a", 22.0, day=date(2026, 1, 1)),
    measured("a", 23.0, segment_name="country"),
    measured("a", 24.0, metric="other"),
    measured("a", 25.0, day=None, exposure_day=0),
]


def metric(kind: str, **given: Any) -> Metric:
    return Metric.model_validate(
        {"name": "delay", "kind": kind, "source": "s", "window": {"end": "7d"}, **given}
    )


def test_a_baseline_is_the_controls_of_everyone_on_the_latest_day() -> None:
    assert baseline_of(MEASURED, metric("count"), "a", estimator="cuped") == {"mean": 20.0, "sd": 8.0}
    shares = [measured("a", 0.2, var_num=0.16)]
    assert baseline_of(shares, metric("proportion"), "a", estimator="cuped") == {"rate": 0.2}
    for rows in ([], [measured("a", 1.0, var_num=None)]):
        with pytest.raises(UsageError, match="a has no measured delay of at least two units"):
            baseline_of(rows, metric("count"), "a", estimator="cuped")


def test_a_baseline_of_a_ratio_and_of_a_covariate() -> None:
    """Linearised: var(num - R den) / mean den squared; what a covariate explains is the squared correlation."""
    sides = {"numerator": {"value": "v"}, "denominator": {}}
    row = measured("a", 20.0, mean_den=4.0, var_den=2.0, cov_num_den=3.0)
    assert baseline_of([row], metric("ratio", **sides), "a", estimator="cuped") == pytest.approx(
        {"mean": 5.0, "sd": math.sqrt(64 - 2 * 5 * 3 + 25 * 2) / 4}
    )
    row = measured("a", 20.0, mean_pre_num=9.0, var_pre_num=36.0, cov_num_pre_num=24.0)
    found = baseline_of([row], metric("count", covariate={"lookback": "7d"}), "a", estimator="cuped")
    assert found == pytest.approx({"mean": 20.0, "sd": 8.0, "variance_reduction": 0.25}, rel=1e-9)
    with pytest.raises(UsageError, match="delay is a quantile"):
        baseline_of([row], metric("quantile", quantile=0.9), "a", estimator="cuped")


def test_units_without_a_value_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit in five triggers, so five times as many have to enter for as many that count; its two arms by hand."""
    triggered = measured("a", 20.0, n=200)
    measure = baseline_of([triggered], metric("count"), "a", estimator="cuped")
    assert measure == {"mean": 20.0, "sd": 8.0, "share_with_value": 0.2}
    monkeypatch.setattr("abspark.baseline.read_baseline", lambda *_, **__: (dict(measure), 1))
    lake = ("--env", "local", "--experiment", "e", "--metric", "delay")
    found = run(*lake, "--effect", "0.04", "--units-per-day", "500", "--window-days", "7")
    assert found["share_with_value"] == 0.2
    assert found["units"] == pytest.approx(5 * UNITS, abs=1)
    assert found["units_control"] == pytest.approx(5 * UNITS / 2, abs=1)
    assert found["days"] == math.ceil(5 * UNITS / 500) + 7
    assert run(*lake, "--units", str(5 * UNITS))["relative_effect"] == pytest.approx(0.04, rel=1e-5)
    assert run(*lake, "--effect", "0.04", "--units", str(5 * UNITS))["power"] == pytest.approx(0.8, abs=1e-5)
    margin = run(*lake, "--margin", "0.1")
    assert margin["units"] == pytest.approx(5 * run(*MEAN, "--margin", "0.1")["units"], abs=10)
    assert "fewer than two" in refused(*lake, "--units", "19")
    assert "share_with_value" not in run(*MEAN, "--effect", "0.04")


def test_a_measured_variance_reduction_gives_way_to_a_stated_one(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = {"mean": 20.0, "sd": 8.0, "variance_reduction": 0.36}
    monkeypatch.setattr("abspark.baseline.read_baseline", lambda *_, **__: (dict(measure), 1))
    lake = ("--env", "local", "--experiment", "e", "--metric", "delay", "--effect", "0.04")
    assert run(*lake) == run(*MEAN, "--effect", "0.04", "--variance-reduction", "0.36")
    assert run(*lake, "--variance-reduction", "0") == run(*MEAN, "--effect", "0.04")


def test_a_baseline_from_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def read(conf: Path, env: str, *, experiment: str, metric: str) -> tuple[dict[str, float], int]:
        asked.append((conf, env, experiment, metric))
        return {"mean": 20.0, "sd": 8.0}, -1

    monkeypatch.setattr("abspark.baseline.read_baseline", read)
    lake = ("--env", "local", "--experiment", "e", "--metric", "delay")
    assert run(*lake, "--margin", "0.1") == run(*MEAN, "--margin", "0.1", "--direction", "decrease")
    assert run(*lake, "--effect", "0.04", "--conf", "here")["units"] == two_arms(UNITS)
    assert asked == [(Path("conf"), "local", "e", "delay"), (Path("here"), "local", "e", "delay")]
    assert "needs --env, --experiment and --metric" in refused("--env", "local", "--effect", "0.1")
    assert "measured or assumed" in refused(*lake, *RATE, "--effect", "0.1")


def test_a_baseline_of_what_is_not_configured(tmp_path: Path) -> None:
    write_starter(tmp_path)
    conf = tmp_path / "conf"
    with pytest.raises(UsageError, match="there is no experiment unheard"):
        read_baseline(conf, "local", experiment="unheard", metric="conversion")
    name = next(iter(load_project(conf, "local").experiments))
    with pytest.raises(UsageError, match=f"{name} has no metric unheard"):
        read_baseline(conf, "local", experiment=name, metric="unheard")


@pytest.mark.parametrize(("estimator", "explained"), [("cuped", 0.25), ("unadjusted", None)])
def test_a_covariate_counts_where_the_experiment_uses_it(
    estimator: str, explained: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it explains is the squared correlation, (24 / (8 * 6)) ** 2."""
    write_starter(tmp_path)
    conf = tmp_path / "conf"
    for file, before, after in (
        ("experiments/checkout_button.yaml", "  sides: 2\n", f"  sides: 2\n  estimator: {estimator}\n"),
        ("metrics/shop.yaml", "  - name: revenue_per_unit\n",
         "  - name: revenue_per_unit\n    covariate: {lookback: 14d}\n"),
    ):  # fmt: skip
        text = (conf / file).read_text()
        assert before in text
        (conf / file).write_text(text.replace(before, after))
    row = measured(
        "control", 20.0, metric="revenue_per_unit", mean_pre_num=9.0, var_pre_num=36.0, cov_num_pre_num=24.0
    )
    monkeypatch.setattr("abspark.command_common.session", nullcontext)
    monkeypatch.setattr("abspark.queries.rows", lambda *_, **__: [row])
    found, _ = read_baseline(conf, "local", experiment="checkout_button", metric="revenue_per_unit")
    assert found.get("variance_reduction") == (None if explained is None else pytest.approx(explained))
