"""Methods and options of the analysis: what each configured key changes in the results rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep
from test_results import AFTER, METRICS, ROWS, bernoulli, by_key, experiment, metric, moments

from abspark.analysis.results import results

N_C, N_T, HITS_C, HITS_T = 5000, 3100, 400, 301
"""Units and conversions of a and b in ROWS."""


def found(*, metrics: dict[str, Any] = METRICS, rows: list[dict[str, Any]] = ROWS, **given: Any) -> Any:
    return by_key(results(rows, [experiment(**given)], metrics, as_of=AFTER))


def bayesian(prior: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    analysis = {"method": "bayesian"} | ({} if prior is None else {"bayesian": {"prior": prior}})
    return {"analysis": analysis | given}


def numbers(row: dict[str, Any], *names: str) -> list[float]:
    return [row[name] for name in names]


@pytest.mark.parametrize(
    ("interval", "method"), [("wald", "wald"), ("newcombe", "newcomb"), ("agresti_caffo", "agresti-caffo")]
)
def test_interval_of_a_difference_of_proportions(interval: str, method: str) -> None:
    row = found(analysis={"interval": interval})["conv", "b"]
    expected = confint_proportions_2indep(HITS_T, N_T, HITS_C, N_C, compare="diff", method=method)
    assert numbers(row, "effect_low", "effect_high") == pytest.approx(expected, rel=1e-10)
    assert row["effect"] == pytest.approx(HITS_T / N_T - HITS_C / N_C)


def test_the_interval_of_proportions_leaves_means_alone() -> None:
    names = ("effect_low", "effect_high", "relative_low", "relative_high", "p_value")
    plain, other = (found(analysis={"interval": name})["rev", "b"] for name in ("wald", "newcombe"))
    assert numbers(plain, *names) == numbers(other, *names)


def test_fiellers_interval_of_the_relative_effect() -> None:
    """Its ends are the rho at which treatment - (1 + rho) control is just significant."""
    delta, fieller = (
        found(analysis={"relative_interval": name})["rev", "b"] for name in ("delta", "fieller")
    )
    critical = stats.t.isf(0.025, fieller["dof"])
    for end in numbers(fieller, "relative_low", "relative_high"):
        error = np.sqrt(55 / N_T + (1 + end) ** 2 * 40 / N_C)
        assert abs(3.4 - (1 + end) * 3.0) == pytest.approx(critical * error, rel=1e-9)
    assert delta["relative_low"] + delta["relative_high"] == pytest.approx(2 * delta["relative_effect"])
    assert fieller["relative_low"] + fieller["relative_high"] > 2 * fieller["relative_effect"]
    assert found(analysis={"relative_interval": "fieller"})["conv", "b"]["relative_low"] != pytest.approx(
        found()["conv", "b"]["relative_low"], rel=1e-6
    )


def test_experiments_of_different_settings_in_one_run() -> None:
    chosen = [
        {"interval": "newcombe"},
        {"interval": "wald", "relative_interval": "fieller"},
        {"method": "bayesian"},
        {"alpha": 0.2},
    ]
    together = results(
        [row | {"experiment_id": str(i)} for i in range(4) for row in ROWS],
        [experiment(id=str(i), analysis=analysis) for i, analysis in enumerate(chosen)],
        METRICS,
        as_of=AFTER,
    )
    alone = [
        row | {"experiment_id": str(i)}
        for i, analysis in enumerate(chosen)
        for row in results(ROWS, [experiment(analysis=analysis)], METRICS, as_of=AFTER)
    ]
    assert together == alone


@pytest.mark.parametrize("prior", [(1.0, 1.0), (20.0, 300.0)])
def test_posterior_of_proportions(prior: tuple[float, float]) -> None:
    given = {"proportion": {"successes": prior[0], "failures": prior[1]}}
    row = found(**bayesian(given))["conv", "b"]
    control = stats.beta(prior[0] + HITS_C, prior[1] + N_C - HITS_C)
    treatment = stats.beta(prior[0] + HITS_T, prior[1] + N_T - HITS_T)
    better = integrate.quad(lambda x: treatment.pdf(x) * control.cdf(x), 0, 0.3, points=[0.1], epsabs=1e-12)
    assert row["prob_better"] == pytest.approx(better[0], abs=1e-9)
    assert row["effect"] == pytest.approx(treatment.mean() - control.mean(), rel=1e-10)
    # E max(c - t, 0) = integral of P(t < x) P(c > x) dx
    lost = integrate.quad(lambda x: treatment.cdf(x) * control.sf(x), 0, 0.3, points=[0.09], epsabs=1e-12)
    gained = integrate.quad(lambda x: control.cdf(x) * treatment.sf(x), 0, 0.3, points=[0.09], epsabs=1e-12)
    assert row["expected_loss_treatment"] == pytest.approx(lost[0], abs=1e-9)
    assert row["expected_loss_control"] == pytest.approx(gained[0], abs=1e-9)
    rng = np.random.default_rng(1)
    drawn = treatment.rvs(200_000, random_state=rng), control.rvs(200_000, random_state=rng)
    difference = np.quantile(drawn[0] - drawn[1], [0.025, 0.975])
    relative = np.quantile(drawn[0] / drawn[1] - 1, [0.025, 0.975])
    assert numbers(row, "effect_low", "effect_high") == pytest.approx(difference, abs=2e-4)
    assert numbers(row, "relative_low", "relative_high") == pytest.approx(relative, abs=4e-3)
    assert (row["method"], row["reason"]) == ("bayesian", None)


@pytest.mark.parametrize("prior", [None, {"mean": 0.02, "sd": 0.05}])
def test_posterior_of_means(prior: dict[str, float] | None) -> None:
    """Of treatment - (1 + rho) control, with a prior of effects of 3 times the relative one."""
    row = found(**bayesian(None if prior is None else {"relative_effect": prior}))["rev", "b"]
    weight = 0.0 if prior is None else 1 / (3 * prior["sd"]) ** 2

    def of(rho: float) -> Any:
        error = np.sqrt(55 / N_T + (1 + rho) ** 2 * 40 / N_C)
        hoped = 3 * ((prior or {"mean": 0.0})["mean"] - rho)
        precision = 1 / error**2 + weight
        return stats.norm(((3.4 - (1 + rho) * 3) / error**2 + weight * hoped) / precision, precision**-0.5)

    posterior = of(0)
    expected = [posterior.mean(), *posterior.interval(0.95)]
    assert numbers(row, "effect", "effect_low", "effect_high") == pytest.approx(expected, rel=1e-9)
    quantiles = [
        optimize.brentq(lambda rho, tail=tail: of(rho).sf(0) - tail, -1, 1, xtol=1e-13)
        for tail in (0.975, 0.5, 0.025)
    ]
    told = numbers(row, "relative_low", "relative_effect", "relative_high")
    assert told == pytest.approx(quantiles, rel=1e-9)
    assert row["prob_better"] == pytest.approx(posterior.sf(0), rel=1e-9)
    lost = integrate.quad(posterior.cdf, -3, 0, epsabs=1e-14)[0]
    gained = integrate.quad(posterior.sf, 0, 6, epsabs=1e-14)[0]
    assert row["expected_loss_treatment"] == pytest.approx(lost, abs=1e-10)
    assert row["expected_loss_control"] == pytest.approx(gained, abs=1e-10)


@pytest.mark.parametrize(("treated", "better"), [(7.3, 0.0281), (12.8, 0.9761)])
def test_with_a_flat_prior_the_probability_is_that_of_the_effect(treated: float, better: float) -> None:
    """Phi(effect / sqrt(2)): the control's mean is 10 standard errors from 0, the treatment's error is as large."""
    rows = [
        moments("rev", key, 5000, mean, 5000.0) for key, mean in (("a", 10.0), ("b", treated), ("c", 10.0))
    ]
    row = found(rows=rows, **bayesian())["rev", "b"]
    assert row["prob_better"] == pytest.approx(better, abs=5e-5)
    assert row["prob_better"] == pytest.approx(stats.norm.cdf((treated - 10) / 2**0.5), rel=1e-9)
    for name in ("effect", "relative"):
        assert (row[f"{name}_low"] > 0) == (better > 0.975)
        assert row[f"{name}_high"] > 0


def test_a_flat_prior_needs_no_positive_control_mean() -> None:
    rows = [moments("rev", key, 5000, mean, 5000.0) for key, mean in (("a", -1.0), ("b", 0.5), ("c", -2.0))]
    flat = found(rows=rows, **bayesian())
    row = flat["rev", "b"]
    assert row["prob_better"] == pytest.approx(stats.norm.cdf(1.5 / 2**0.5), rel=1e-9)
    assert row["effect_low"] == pytest.approx(1.5 - stats.norm.isf(0.025) * 2**0.5)
    assert (row["relative_effect"], row["reason"]) == (None, "control_mean_not_positive")
    # the largest of three independent means
    best = integrate.quad(
        lambda x: stats.norm.pdf(x, 0.5) * stats.norm.cdf(x, -1.0) * stats.norm.cdf(x, -2.0),
        -9,
        9,
        epsabs=1e-12,
    )[0]
    assert row["prob_best"] == pytest.approx(best, abs=1e-9)
    told = found(rows=rows, **bayesian({"relative_effect": {"mean": 0.0, "sd": 0.1}}))["rev", "b"]
    assert numbers(told, "prob_better", "prob_best", "effect", "effect_low") == [None] * 4


def test_a_posterior_has_no_p_value_and_no_significance() -> None:
    tests = ("p_value", "p_adjusted", "significant", "statistic", "dof", "std_error")
    rows = found(**bayesian()).values()
    assert {row[name] for row in rows for name in tests} == {None}
    assert {row["alpha"] for row in rows} == {0.05}


def test_credible_intervals_follow_alpha() -> None:
    wide, narrow = (found(**bayesian(alpha=alpha)) for alpha in (0.05, 0.4))
    for key in (("conv", "b"), ("rev", "b")):
        assert wide[key]["effect_low"] < narrow[key]["effect_low"]
        assert wide[key]["relative_high"] > narrow[key]["relative_high"]
        assert wide[key]["prob_better"] == narrow[key]["prob_better"]


def test_where_less_is_better_the_posterior_turns() -> None:
    down = {
        "conv": metric("conv", "proportion", direction="decrease"),
        "rev": metric("rev", "mean", direction="decrease"),
    }
    more, less = found(**bayesian()), found(metrics=down, **bayesian())
    for key, row in more.items():
        turned = less[key]
        assert turned["prob_better"] == pytest.approx(1 - row["prob_better"], abs=1e-12)
        assert turned["expected_loss_treatment"] == row["expected_loss_control"]
        assert turned["expected_loss_control"] == row["expected_loss_treatment"]
        assert numbers(turned, "effect", "effect_low") == numbers(row, "effect", "effect_low")


def test_undefined_posteriors_have_reasons() -> None:
    rows = [
        bernoulli("conv", "a", 100, 0), bernoulli("conv", "b", 100, 4), moments("conv", "c", 0, None, None),
        moments("rev", "a", 100, -1.0, 2.0), moments("rev", "b", 100, 1.0, 2.0),
        moments("rev", "c", 1, 1.0, None),
    ]  # fmt: skip
    got = found(rows=rows, **bayesian())
    assert got["conv", "b"]["reason"] == "relative_mean_undefined"
    assert got["conv", "b"]["relative_effect"] is None
    assert got["conv", "b"]["prob_better"] > 0.9
    assert (got["conv", "c"]["reason"], got["conv", "c"]["prob_better"]) == ("bad_counts", None)
    assert got["rev", "b"]["reason"] == "control_mean_not_positive"
    assert (got["rev", "c"]["reason"], got["rev", "c"]["effect"]) == ("n_below_2", None)


def test_guardrails_have_their_margin_test_with_every_method() -> None:
    roles = {"primary": ["rev"], "guardrails": [{"metric": "conv", "margin": {"relative": 0.5}}]}
    row = found(metrics=METRICS, **bayesian() | {})["conv", "b"]
    assert row["non_inferior"] is None
    chosen = experiment(metrics=roles, **bayesian())
    row = by_key(results(ROWS, [chosen], METRICS, as_of=AFTER))["conv", "b"]
    assert (row["margin"], row["non_inferior"]) == (0.5, True)


HITS = {"a": (400, 5000), "b": (301, 3100), "c": (170, 2050)}


@pytest.mark.parametrize("direction", ["increase", "decrease"])
def test_the_best_of_several_proportions(direction: str) -> None:
    """One integral over the winner, by scipy; where less is better the smallest wins."""
    given = {"proportion": {"successes": 3.0, "failures": 40.0}}
    conv = {"conv": metric("conv", "proportion", direction=direction), "rev": METRICS["rev"]}
    rows = found(metrics=conv, **bayesian(given))
    posterior = {key: stats.beta(3 + hits, 40 + n - hits) for key, (hits, n) in HITS.items()}
    for key in "bc":
        others = [posterior[other] for other in HITS if other != key]
        tail = [other.cdf if direction == "increase" else other.sf for other in others]
        expected = integrate.quad(
            lambda x, own=posterior[key], tail=tail: own.pdf(x) * tail[0](x) * tail[1](x),
            0.04, 0.15, points=[0.08, 0.085, 0.097], epsabs=1e-12, limit=200,
        )[0]  # fmt: skip
        assert rows["conv", key]["prob_best"] == pytest.approx(expected, abs=1e-8)
        assert rows["conv", key]["prob_best"] < rows["conv", key]["prob_better"]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("prior", [None, {"mean": 0.02, "sd": 0.05}])
def test_the_best_of_several_means(prior: dict[str, float] | None, direction: int) -> None:
    """By 400,000 draws from the joint posterior of the effects, which share the control's error."""
    given = None if prior is None else {"relative_effect": prior}
    rev = metric("rev", "mean", direction="increase" if direction > 0 else "decrease")
    rows = found(metrics=METRICS | {"rev": rev}, **bayesian(given))
    ratio = np.array([3.4, 2.9]) / 3
    cov = (np.diag([55 / N_T, 30 / 2050]) + 40 / N_C) / 9
    likelihood = np.linalg.inv(cov)
    trust = 0.0 if prior is None else 1 / prior["sd"] ** 2
    cov = np.linalg.inv(likelihood + trust * np.eye(2))
    centre = cov @ (likelihood @ (ratio - 1) + trust * (prior or {"mean": 0.0})["mean"])
    draws = direction * np.random.default_rng(5).multivariate_normal(centre, cov, size=400_000)
    best = draws.max(axis=1) > 0
    for place, key in enumerate("bc"):
        seen = np.mean(best & (draws.argmax(axis=1) == place))
        assert rows["rev", key]["prob_best"] == pytest.approx(seen, abs=3.5 * (0.25 / len(draws)) ** 0.5)


def test_with_one_treatment_the_better_is_the_best() -> None:
    keys = [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}]
    for row in found(variants=keys, **bayesian()).values():
        assert row["prob_best"] == row["prob_better"]
    assert {row["prob_best"] for row in found().values()} == {None}


def test_the_best_is_unknown_while_a_treatment_has_no_posterior() -> None:
    rows = [row for row in ROWS if (row["metric"], row["variant"]) != ("conv", "c")]
    rows = [row | {"n": 1, "var_num": None} if row["mean_num"] == 2.9 else row for row in rows]
    got = found(rows=rows, **bayesian())
    for key in (("conv", "b"), ("rev", "b")):
        assert got[key]["prob_best"] is None
        assert got[key]["prob_better"] > 0.9
        assert got[key]["reason"] == "other_treatment_undefined"
    assert got["rev", "c"]["reason"] == "n_below_2"


def test_segments_have_their_own_best() -> None:
    means, of = {"a": 0.1, "b": 0.05, "c": 0.2}, {"segment_name": "country", "segment_value": "DE"}
    sliced = [row | of | {"mean_num": means[row["variant"]]} for row in ROWS]
    rows = results([*ROWS, *sliced], [experiment(**bayesian())], METRICS, as_of=AFTER)
    best = {
        (row["segment_name"], row["treatment"]): row["prob_best"] for row in rows if row["metric"] == "conv"
    }
    alone = found(**bayesian())
    assert best[None, "b"] == pytest.approx(alone["conv", "b"]["prob_best"], abs=1e-12)
    assert best["country", "b"] < 1e-6
    assert best["country", "c"] > 1 - 1e-6
