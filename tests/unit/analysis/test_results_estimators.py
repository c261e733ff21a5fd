"""Ratios, covariates and quantiles in results; expected numbers from the units' values themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats
from test_results import AFTER, DAY, experiment

from abspark.analysis.results import analysed
from abspark.config import Experiment, Metric
from abspark.schemas import COVARIANCE_PAIRS, MOMENTS, VARIABLES

N = {"a": 900, "b": 700, "c": 800}
WINDOW = {"end": "7d"}
SIDES = {"numerator": {"value": "v"}, "denominator": {}}


def metric(kind: str, **given: Any) -> Metric:
    value = {"value": "v"} if kind in ("mean", "quantile") else {}
    return Metric.model_validate(
        {"name": "m", "kind": kind, "source": "s", "window": WINDOW, **value, **given}
    )


RATIO = metric("ratio", **SIDES)
OWN = metric("ratio", **SIDES, covariate={"lookback": "7d"})
BY_ATTRIBUTE = metric("ratio", **SIDES, covariate={"attribute": "age"})
BY_METRIC = metric("ratio", **SIDES, covariate={"lookback": "7d", "metric": "visits"})
MEAN = metric("mean", covariate={"lookback": "7d"})
SHARE = metric("proportion", covariate={"lookback": "7d"})


def drawn(
    variables: str = "num den pre_num pre_den", *, binary: bool = False
) -> dict[str, dict[str, np.ndarray]]:
    """Values by variant and variable, correlated, with another mean in each variant."""
    rng = np.random.default_rng(7)
    arms = {}
    for place, (variant, n) in enumerate(N.items()):
        activity = rng.standard_gamma(3, n)
        den, pre_den = rng.poisson(activity) + 1.0, rng.poisson(activity) + 1.0
        num = 2 * den + activity * rng.standard_exponential(n) + 0.3 * place
        if binary:
            num = (num > 8).astype(float)
        values = {
            "num": num,
            "den": den,
            "pre_num": 2 * pre_den + rng.standard_exponential(n),
            "pre_den": pre_den,
        }
        arms[variant] = {name: values[name] for name in variables.split()}
    return arms


def rows(arms: Mapping[str, Mapping[str, np.ndarray]], **given: Any) -> list[dict[str, Any]]:
    """Rows of moments by numpy; a variable that is not there is NULL."""
    made = []
    for variant, values in arms.items():
        row: dict[str, Any] = {name: None for name in MOMENTS.names if name != "run_id"}
        row |= {"experiment_id": "e", "metric": "m", "variant": variant, "day": DAY}
        row |= {"n": N[variant], "n_complete": N[variant]}
        for name, value in values.items():
            row |= {f"mean_{name}": value.mean(), f"var_{name}": value.var(ddof=1)}
        for first, second in COVARIANCE_PAIRS:
            if first in values and second in values:
                row[f"cov_{first}_{second}"] = np.cov(values[first], values[second])[0, 1]
        made.append(row | given)
    assert set(VARIABLES) == {"num", "den", "pre_num", "pre_den"}
    return made


def found(
    of: Metric, moments: list[dict[str, Any]], *, quantiles: Any = (), **given: Any
) -> dict[tuple[str, str], dict[str, Any]]:
    chosen: Experiment = experiment(metrics={"primary": ["m"]}, **given)
    made = analysed(moments, [chosen], {"m": of}, as_of=AFTER, quantiles=quantiles).results
    return {(row["treatment"], row["estimator"]): row for row in made}


def ratio(arm: Mapping[str, np.ndarray], num: str = "num", den: str = "den") -> tuple[float, np.ndarray]:
    """The ratio of sums, and what each unit adds to its error."""
    value = arm[num].sum() / arm[den].sum()
    return value, (arm[num] - value * arm[den]) / arm[den].mean()


def test_ratios_by_the_delta_method() -> None:
    arms = drawn("num den")
    row = found(RATIO, rows(arms))["b", "unadjusted"]
    control, treatment = ratio(arms["a"]), ratio(arms["b"])
    assert (row["mean_control"], row["mean_treatment"]) == (
        pytest.approx(control[0]),
        pytest.approx(treatment[0]),
    )
    expected = stats.ttest_ind(treatment[1] + treatment[0], control[1] + control[0], equal_var=False)
    assert row["effect"] == pytest.approx(treatment[0] - control[0])
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-9)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-7)
    assert (row["effect_low"], row["effect_high"]) == pytest.approx(
        tuple(expected.confidence_interval()), rel=1e-8
    )
    assert row["headline"] is True
    assert (row["mean_control_adjusted"], row["variance_reduction"]) == (None, None)


def adjusted(outcome: list[np.ndarray], before: list[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Values less theta times the covariate, theta over both arms together."""
    y, x = np.concatenate(outcome), np.concatenate(before)
    theta = np.cov(y, x)[0, 1] / np.var(x, ddof=1)
    return [o - theta * (b - x.mean()) for o, b in zip(outcome, before, strict=True)], theta


@pytest.mark.parametrize(("of", "binary"), [(MEAN, False), (SHARE, True)])
def test_a_covariate_takes_variance_out(of: Metric, *, binary: bool) -> None:
    arms = drawn("num pre_num", binary=binary)
    both = found(of, rows(arms))
    row = both["c", "cuped"]
    (control, treatment), _ = adjusted([arms[v]["num"] for v in "ac"], [arms[v]["pre_num"] for v in "ac"])
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    assert row["effect"] == pytest.approx(treatment.mean() - control.mean(), rel=1e-9)
    assert (row["statistic"], row["p_value"]) == pytest.approx(
        (expected.statistic, expected.pvalue), rel=1e-7
    )
    assert row["mean_control_adjusted"] == pytest.approx(control.mean(), rel=1e-9)
    assert row["mean_treatment_adjusted"] == pytest.approx(treatment.mean(), rel=1e-9)
    assert row["mean_control"] == pytest.approx(arms["a"]["num"].mean())
    assert row["relative_effect"] == pytest.approx(row["effect"] / row["mean_control"])
    raw = both["c", "unadjusted"]
    plain = arms["c"]["num"].var(ddof=1) / N["c"] + arms["a"]["num"].var(ddof=1) / N["a"]
    assert row["variance_reduction"] == pytest.approx(1 - row["std_error"] ** 2 / plain, rel=1e-9)
    assert 0.02 < row["variance_reduction"] < 0.6
    assert raw["effect"] == pytest.approx(arms["c"]["num"].mean() - arms["a"]["num"].mean())


@pytest.mark.parametrize("of", [OWN, BY_ATTRIBUTE, BY_METRIC])
def test_a_ratios_covariate_is_linearised_at_both_arms_together(of: Metric) -> None:
    arms = drawn() if of is OWN else drawn("num den pre_num")
    row = found(of, rows(arms))["b", "cuped"]
    pooled = {name: np.concatenate([arms[v][name] for v in "ab"]) for name in arms["a"]}
    _, outcome = ratio(pooled)
    before = ratio(pooled, "pre_num", "pre_den")[1] if of is OWN else pooled["pre_num"]
    theta = np.cov(outcome, before)[0, 1] / np.var(before, ddof=1)
    value, errors = [], []
    for v in "ab":
        arm = arms[v]
        centre, spread = ratio(arm)
        moved, extra = (
            ratio(arm, "pre_num", "pre_den") if of is OWN else (arm["pre_num"].mean(), arm["pre_num"])
        )
        value.append(centre - theta * moved)
        errors.append(np.var(spread - theta * extra, ddof=1) / N[v])
    assert row["effect"] == pytest.approx(value[1] - value[0], rel=1e-9)
    assert row["std_error"] == pytest.approx(sum(errors) ** 0.5, rel=1e-9)
    assert row["variance_reduction"] > 0


def test_the_configured_estimator_is_the_headline() -> None:
    moments = rows(drawn("num pre_num"))
    for chosen, given in (("cuped", {}), ("unadjusted", {"analysis": {"estimator": "unadjusted"}})):
        both = found(MEAN, moments, **given)
        assert {key for key, row in both.items() if row["headline"]} == {("b", chosen), ("c", chosen)}
        family = [row for row in both.values() if row["p_adjusted"] is not None]
        assert {row["estimator"] for row in family} == {chosen}
        first, second = sorted(row["p_value"] for row in family)
        smallest = min(row["p_adjusted"] for row in family)
        assert smallest == pytest.approx(min(2 * first, 1.0))
        assert first < second


def test_a_covariate_that_is_not_there_has_a_reason() -> None:
    row = found(MEAN, rows(drawn("num")))["b", "cuped"]
    assert (row["reason"], row["effect"], row["significant"]) == ("covariate_missing", None, None)


def test_posteriors_of_ratios_and_of_adjusted_proportions() -> None:
    for of, arms in ((OWN, drawn()), (SHARE, drawn("num pre_num", binary=True))):
        fixed, bayes = (found(of, rows(arms), analysis={"method": name}) for name in ("fixed", "bayesian"))
        row, other = bayes["b", "cuped"], fixed["b", "cuped"]
        assert row["relative_effect"] == pytest.approx(other["relative_effect"])
        better = stats.norm.cdf(other["effect"] / other["std_error"])
        assert row["prob_better"] == pytest.approx(better, rel=1e-9)
        half = stats.norm.isf(0.025) * other["std_error"]
        assert row["effect_low"] == pytest.approx(other["effect"] - half, rel=1e-9)


def test_the_best_treatment_is_found_for_each_estimator() -> None:
    """By a million draws of the arms' means, to four standard errors of their share."""
    arms = drawn("num pre_num")
    both = found(MEAN, rows(arms), analysis={"method": "bayesian"})
    noise = dict(zip("abc", np.random.default_rng(5).standard_normal((3, 1_000_000)), strict=True))
    for estimator in ("unadjusted", "cuped"):
        gains = [np.zeros(1_000_000)]
        for treatment in "bc":
            values = [arms[v]["num"] for v in ("a", treatment)]
            if estimator == "cuped":
                values, _ = adjusted(values, [arms[v]["pre_num"] for v in ("a", treatment)])
            control, treated = (
                each.mean() + stats.sem(each) * noise[v]
                for v, each in zip(("a", treatment), values, strict=True)
            )
            gains.append(treated - control)
        best = np.argmax(gains, axis=0)
        for place, treatment in enumerate("bc", 1):
            share = np.mean(best == place)
            error = (share * (1 - share) / 1_000_000) ** 0.5
            assert both[treatment, estimator]["prob_best"] == pytest.approx(share, abs=4 * error)


def quantile_row(
    variant: str, value: float, low: float | None, high: float | None, **given: Any
) -> dict[str, Any]:
    return {
        "experiment_id": "e", "metric": "m", "variant": variant, "segment_name": None, "segment_value": None,
        "day": DAY, "q": 0.9, "value": value, "rank_low": 1, "rank_high": 2, "value_low": low, "value_high": high,
        "n": N[variant], "n_clusters": None, **given,
    }  # fmt: skip


QUANTILE = metric("quantile", quantile=0.9)


def test_quantiles_by_their_order_statistic_intervals() -> None:
    table = [quantile_row("a", 100.0, 96.0, 104.0), quantile_row("b", 110.0, 105.0, 114.0)]
    row = found(QUANTILE, [], quantiles=table)["b", "unadjusted"]
    z = stats.norm.isf(0.025)
    control, treatment = 8 / (2 * z), 9 / (2 * z)
    error = np.hypot(control, treatment)
    assert (row["effect"], row["std_error"]) == (10.0, pytest.approx(error))
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(10 / error))
    assert (row["effect_low"], row["effect_high"]) == pytest.approx((10 - z * error, 10 + z * error))
    assert row["relative_effect"] == pytest.approx(0.1)
    relative = np.sqrt(treatment**2 + 1.1**2 * control**2) / 100
    assert row["relative_high"] - 0.1 == pytest.approx(z * relative)
    assert (row["n_control"], row["n_treatment"], row["mean_control"]) == (900, 700, 100.0)
    assert (row["dof"], row["share_complete"]) == (None, None)


def test_standard_errors_of_quantiles_go_by_the_experiments_level() -> None:
    table = [quantile_row("a", 100.0, 96.0, 104.0), quantile_row("b", 110.0, 105.0, 114.0)]
    row = found(QUANTILE, [], quantiles=table, analysis={"alpha": 0.2})["b", "unadjusted"]
    assert row["std_error"] == pytest.approx(np.hypot(8, 9) / (2 * stats.norm.isf(0.1)))


def test_a_variant_without_values_has_a_reason() -> None:
    row = found(QUANTILE, [], quantiles=[quantile_row("a", 100.0, 96.0, 104.0)])["b", "unadjusted"]
    assert (row["n_treatment"], row["mean_control"], row["effect"], row["reason"]) == (
        0,
        100.0,
        None,
        "n_below_2",
    )


def test_a_quantile_of_which_no_variant_has_a_value_is_not_left_out() -> None:
    """As no row of quantiles says that it was asked for; all other metrics have rows of no units, too."""
    row = found(QUANTILE, rows(drawn("num")))["b", "unadjusted"]
    assert (row["n_control"], row["n_treatment"], row["effect"], row["reason"]) == (0, 0, None, "n_below_2")


def test_no_quantile_is_taken_of_the_days_before_the_last() -> None:
    """Moments have these days; whether too few units were there on them is no matter of the quantile."""
    before = [row | {"day": DAY - timedelta(days=1), "n": row["n"] // 2} for row in rows(drawn("num"))]
    table = [quantile_row("a", 100.0, 96.0, 104.0), quantile_row("b", 110.0, 105.0, 114.0)]
    chosen = experiment(metrics={"primary": ["m"]})
    moments = [*before, *rows(drawn("num"))]
    made = analysed(moments, [chosen], {"m": QUANTILE}, as_of=AFTER, quantiles=table).results
    columns = ("day", "n_control", "n_treatment", "effect", "significant", "reason")
    assert [tuple(row[name] for name in columns) for row in made if row["treatment"] == "b"] == [
        (DAY - timedelta(days=1), 450, 350, None, None, "quantile_not_taken"),
        (DAY, 900, 700, 10.0, True, None),
    ]


def test_quantiles_of_events_count_units_and_may_be_open_ended() -> None:
    table = [
        quantile_row("a", 100.0, 96.0, 104.0, n=5000, n_clusters=900),
        quantile_row("b", 110.0, 105.0, None, n=4000, n_clusters=700),
    ]
    row = found(QUANTILE, rows(drawn("num")), quantiles=table)["b", "unadjusted"]
    assert (row["n_control"], row["n_treatment"]) == (900, 700)
    assert (row["reason"], row["p_value"], row["effect"]) == ("too_few_for_quantile", None, 10.0)


@pytest.mark.parametrize(("ties", "reason"), [(None, None), (1, None), (10, None), (11, "tied_values")])
def test_quantiles_of_tied_values_have_no_error(ties: int | None, reason: str | None) -> None:
    """Of the 41 ranks from 380 to 420 one value may have 10; rows of older versions don't say."""
    given = {"rank_low": 380, "rank_high": 420}
    table = [
        quantile_row("a", 100.0, 96.0, 104.0, ties=1, **given),
        quantile_row("b", 110.0, 105.0, 114.0, ties=ties, **given),
    ]
    row = found(QUANTILE, [], quantiles=table)["b", "unadjusted"]
    assert (row["reason"], row["effect"]) == (reason, 10.0)
    assert (row["std_error"] is None, row["p_value"] is None, row["significant"]) == (
        (False, False, True) if reason is None else (True, True, None)
    )
