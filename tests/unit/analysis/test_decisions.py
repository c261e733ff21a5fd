"""Decisions from moments, checks and configuration; one test per rule of `abspark.analysis.decisions`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from scipy import stats

from abspark.analysis.decisions import Evidence, decisions
from abspark.analysis.results import analysed
from abspark.config import Experiment, Metric
from abspark.reasons import RESULTS, reason_sentence
from abspark.schemas import DECISIONS, MOMENTS
from abspark.stats.anytime import tuned_rho

AFTER = datetime(2026, 1, 22, tzinfo=UTC)
N = 10_000

BETTER, NULL, WORSE = 3.5, 3.0, 2.5
"""Means of a treatment; control's is 3 with variance 25, so that one standard error of the effect is 0.071."""


def metric(name: str, **given: Any) -> Metric:
    return Metric.model_validate(
        {"name": name, "kind": "mean", "value": "v", "source": "s", "window": {"end": "7d"}, **given}
    )


METRICS = {name: metric(name) for name in ("sales", "visits", "speed", "other")} | {
    "delay": metric("delay", direction="decrease")
}


def experiment(treatments: int = 1, **given: Any) -> Experiment:
    keys = ["a", "b", "c"][: treatments + 1]
    weights = {1: (0.5, 0.5), 2: (0.4, 0.3, 0.3)}[treatments]
    return Experiment.model_validate(
        {
            "id": "e",
            "variants": [{"key": key, "weight": weight} for key, weight in zip(keys, weights, strict=True)],
            "control": "a",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-15T00:00:00Z",
            "exposures": "x",
            "metrics": {"primary": ["sales", "visits"]},
            **given,
        }
    )


def guarded(margin: Mapping[str, float] | None, *, primary: tuple[str, ...] = ("sales",)) -> dict[str, Any]:
    given = {"metric": "speed"} | ({} if margin is None else {"margin": margin})
    return {"metrics": {"primary": list(primary), "guardrails": [given]}}


def rows(means: Mapping[str, tuple[float, ...]], **given: Any) -> list[dict[str, Any]]:
    """Moments of control (mean 3) and of treatments with these means by metric."""
    blank = {name: None for name in MOMENTS.names if name != "run_id"}
    common = {"experiment_id": "e", "day": date(2026, 1, 21), "n": N, "n_complete": N, "var_num": 25.0}
    return [
        blank | common | {"metric": name, "variant": variant, "mean_num": mean} | given
        for name, treated in means.items()
        for variant, mean in zip("abc", (3.0, *treated), strict=False)
    ]


def decided(
    moments: list[dict[str, Any]],
    chosen: Experiment,
    *,
    health: tuple[dict[str, Any], ...] = (),
    as_of: datetime = AFTER,
    metrics: Mapping[str, Metric] = METRICS,
) -> tuple[str, list[str]]:
    found = analysed(moments, [chosen], metrics, as_of=as_of)
    evidence = Evidence(found.results, health, found.harmed, found.now, found.looks)
    (row,) = decisions(evidence, [chosen], metrics)
    assert set(row) == set(DECISIONS.names) - {"run_id"}
    assert row["experiment_id"] == "e"
    reasons = row["reasons"]
    assert isinstance(reasons, list)
    return str(row["decision"]), reasons


@pytest.mark.parametrize(
    ("sales", "visits", "when_all", "when_any"),
    [
        (BETTER, BETTER, "ship", "ship"),
        (BETTER, NULL, "do_not_ship", "ship"),
        (NULL, NULL, "do_not_ship", "do_not_ship"),
        (BETTER, WORSE, "do_not_ship", "do_not_ship"),
        (WORSE, WORSE, "do_not_ship", "do_not_ship"),
    ],
)
def test_primary_metrics_that_must_be_better(
    sales: float, visits: float, when_all: str, when_any: str
) -> None:
    moments = rows({"sales": (sales,), "visits": (visits,)})
    assert decided(moments, experiment())[0] == when_all
    assert decided(moments, experiment(analysis={"ship_when": "any"}))[0] == when_any


def test_better_is_in_the_metrics_direction() -> None:
    only = {"metrics": {"primary": ["delay"]}}
    assert decided(rows({"delay": (WORSE,)}), experiment(**only))[0] == "ship"
    assert decided(rows({"delay": (BETTER,)}), experiment(**only))[0] == "do_not_ship"


def test_significance_is_the_adjusted_one() -> None:
    # 2.1 standard errors: p = 0.036 alone, twice that by Holm with a second metric that isn't significant
    moments = rows({"sales": (3.1485,), "visits": (NULL,)})
    assert decided(moments, experiment(analysis={"ship_when": "any"}))[0] == "do_not_ship"
    alone = {"ship_when": "any", "correction": "none"}
    assert decided(moments, experiment(analysis=alone))[0] == "ship"


def test_reasons_of_shipping() -> None:
    moments = rows({"sales": (BETTER,), "speed": (NULL,)})
    welch = stats.ttest_ind_from_stats(BETTER, 5, N, 3, 5, N, equal_var=False)
    assert decided(moments, experiment(**guarded({"relative": 0.2}))) == (
        "ship",
        [
            "Ship b.",
            f"sales is better (relative effect +16.67%, adjusted p = {welch.pvalue:.3g}).",
            "The guardrail speed holds: a worsening by its margin is ruled out.",
        ],
    )


@pytest.mark.parametrize(
    ("margin", "speed", "decision", "sentence"),
    [
        ({"relative": 0.1}, 3.0, "ship", "holds: a worsening by its margin is ruled out"),
        ({"relative": 0.03}, 3.0, "do_not_ship", "is open: a worsening by its margin is not ruled out"),
        ({"relative": 0.03}, 2.7, "stop_for_harm", "is harmed: significantly worse than its margin"),
        ({"relative": 0.1}, 2.7, "do_not_ship", "is open: a worsening by its margin is not ruled out"),
        ({"absolute": 0.3}, 3.0, "ship", "holds: a worsening by its margin is ruled out"),
        ({"absolute": 0.1}, 2.7, "stop_for_harm", "is harmed: significantly worse than its margin"),
        (None, 3.0, "ship", "is not shown to be worse"),
        (None, 2.87, "ship", "is not shown to be worse"),  # 1.84 standard errors
        (None, 2.85, "stop_for_harm", "is harmed: significantly worse"),  # 2.12
        (None, 3.5, "ship", "is not shown to be worse"),
    ],
)
def test_guardrails(margin: dict[str, float] | None, speed: float, decision: str, sentence: str) -> None:
    moments = rows({"sales": (BETTER,), "speed": (speed,)})
    found, reasons = decided(moments, experiment(**guarded(margin)))
    assert (found, reasons[-1].endswith(f"The guardrail speed {sentence}.")) == (decision, True)


def test_every_guardrail_with_a_margin_must_hold() -> None:
    """Without an effect a margin of 10 % is 4.5 standard errors away and holds, one of 3 % is 1.3 away and open."""
    moments = rows({"sales": (BETTER,), "speed": (NULL,), "other": (NULL,)})
    for margin, decision in ((0.1, "ship"), (0.03, "do_not_ship")):
        margins = {"speed": {"relative": 0.1}, "other": {"relative": margin}}
        guardrails = [{"metric": name, "margin": given} for name, given in margins.items()]
        chosen = experiment(metrics={"primary": ["sales"], "guardrails": guardrails})
        assert decided(moments, chosen)[0] == decision


def test_harm_of_a_guardrail_follows_its_direction_and_alpha() -> None:
    moments = rows({"sales": (BETTER,), "speed": (3.15,)})
    slower = METRICS | {"speed": metric("speed", direction="decrease")}
    assert decided(moments, experiment(**guarded(None)))[0] == "ship"
    assert decided(moments, experiment(**guarded(None)), metrics=slower)[0] == "stop_for_harm"
    strict = experiment(**guarded(None), analysis={"alpha": 0.01})
    assert decided(moments, strict, metrics=slower)[0] == "ship"


def test_harm_is_told_by_the_configured_estimator_alone() -> None:
    """Speed is 2.5 standard errors worse; by a covariate of correlation 0.8 it is 1 worse, of 0.6 times the size."""
    error = (2 * 25 / N) ** 0.5
    before = (0.6 - 2.5) * error / 0.8  # effect - 0.8 * before = -0.6 * error
    covariate = {"var_pre_num": 25.0, "cov_num_pre_num": 20.0}
    speed = [
        row | covariate | {"mean_pre_num": mean}
        for row, mean in zip(rows({"speed": (3 - 2.5 * error,)}), (3.0, 3 + before), strict=True)
    ]
    moments = [*rows({"sales": (BETTER,)}), *speed]
    adjusted = METRICS | {"speed": metric("speed", covariate={"lookback": "7d"})}
    found = analysed(moments, [experiment(**guarded(None))], adjusted, as_of=AFTER).results
    statistic = {row["estimator"]: row["statistic"] for row in found if row["metric"] == "speed"}
    assert statistic == {"unadjusted": pytest.approx(-2.5), "cuped": pytest.approx(-1, abs=0.01)}
    for estimator, decision in (("cuped", "ship"), ("unadjusted", "stop_for_harm")):
        chosen = experiment(**guarded(None), analysis={"estimator": estimator})
        assert decided(moments, chosen, metrics=adjusted)[0] == decision


def test_guardrails_of_proportions() -> None:
    share = METRICS | {
        "speed": Metric.model_validate(
            {"name": "speed", "kind": "proportion", "source": "s", "window": {"end": "7d"}}
        )
    }
    good = rows({"sales": (BETTER,)})
    arms = rows({"speed": (0.0,)})
    control, treatment = (
        arm | {"mean_num": p, "var_num": p * (1 - p)} for arm, p in zip(arms, (0.5, 0.48), strict=True)
    )
    for margin, decision in ((None, "stop_for_harm"), ({"relative": 0.01}, "stop_for_harm")):
        chosen = experiment(**guarded(margin))
        assert decided([*good, control, treatment], chosen, metrics=share)[0] == decision
    # 0.02 below a margin of 0.02 is 0 standard errors: neither held nor harmed
    edge = experiment(**guarded({"absolute": 0.02}))
    assert decided([*good, control, treatment], edge, metrics=share)[0] == "do_not_ship"


def test_guardrails_alone_ship_when_one_has_a_margin() -> None:
    moments = rows({"speed": (NULL,)})
    alone = guarded({"relative": 0.1}, primary=())
    assert decided(moments, experiment(**alone))[0] == "ship"
    decision, reasons = decided(moments, experiment(**guarded(None, primary=())))
    assert decision == "do_not_ship"
    assert reasons[-1] == "b: There is neither a primary metric nor a guardrail with a margin to ship on."


def test_the_better_of_two_treatments_is_named() -> None:
    moments = rows({"sales": (3.4, 3.5), "visits": (BETTER, BETTER)})
    decision, reasons = decided(moments, experiment(2))
    assert (decision, reasons[0]) == ("ship", "Ship c.")
    assert reasons[-1].startswith("b could ship too: sales is better (relative effect +13.33%")
    less = METRICS | {"sales": metric("sales", direction="decrease")}
    down = rows({"sales": (2.6, 2.5), "visits": (BETTER, BETTER)})
    assert decided(down, experiment(2), metrics=less)[1][0] == "Ship c."
    same = rows({"sales": (3.4, 3.4), "visits": (BETTER, BETTER)})
    assert decided(same, experiment(2))[1][0] == "Ship b."


def test_without_primary_metrics_the_better_guardrail_ships() -> None:
    """Both are within the margin; 3.1 and 3.2 are 3.33 % and 6.67 % above control."""
    moments = rows({"speed": (3.1, 3.2)})
    held = "The guardrail speed holds: a worsening by its margin is ruled out."
    assert decided(moments, experiment(2, **guarded({"relative": 0.1}, primary=()))) == (
        "ship",
        ["Ship c.", held, f"b could ship too: {held}"],
    )


def test_a_treatment_ships_beside_one_that_harms() -> None:
    moments = rows({"sales": (BETTER, 3.6), "speed": (NULL, WORSE)})
    decision, reasons = decided(moments, experiment(2, **guarded({"relative": 0.1})))
    assert (decision, reasons[0]) == ("ship", "Ship b.")
    assert reasons[-1].startswith("c does not ship: sales is better")
    assert "speed is harmed" in reasons[-1]


def test_before_the_end_no_winner_is_called() -> None:
    moments = rows({"sales": (BETTER,), "speed": (NULL,)})
    chosen = experiment(**guarded({"relative": 0.1}))
    early = decided(moments, chosen, as_of=AFTER - timedelta(microseconds=1))
    assert early == (
        "keep_running",
        [
            "There is no verdict before 2026-01-22 00:00 UTC, when the experiment and its longest window are over."
        ],
    )
    assert decided(moments, chosen)[0] == "ship"


def test_no_winner_is_called_while_a_window_from_the_experiments_start_is_open() -> None:
    moments = rows({"sales": (BETTER,), "visits": (BETTER,)})
    known = METRICS | {"sales": metric("sales", window={"end": "30d", "anchor": "experiment_start"})}
    over = experiment().start + timedelta(days=30)
    early = decided(moments, experiment(), metrics=known, as_of=over - timedelta(microseconds=1))
    assert early[0] == "keep_running"
    assert early[1][0].startswith(f"There is no verdict before {over:%Y-%m-%d} 00:00 UTC")
    assert decided(moments, experiment(), metrics=known, as_of=over)[0] == "ship"


@pytest.mark.parametrize("margin", [{"relative": 0.1}, {"absolute": 0.3}, None])
def test_before_the_end_harm_takes_more_than_at_the_end(margin: dict[str, float] | None) -> None:
    """At 20,000 units a bound that may be looked at any time, tuned at 10,000, lies at 3.04 standard errors."""
    early = AFTER - timedelta(days=3)
    chosen = experiment(**guarded(margin))
    allowed = 0.0 if margin is None else 0.3
    errors = (25 / N + (0.9 if margin == {"relative": 0.1} else 1) ** 2 * 25 / N) ** 0.5
    g = 2 * N * float(tuned_rho(10_000, alpha=0.025, sides=1)) ** 2
    bound = math.sqrt(2 * (g + 1) / g * math.log1p(math.sqrt(g + 1) / 0.05))
    for distance, decision in ((0.99 * bound, "keep_running"), (1.01 * bound, "stop_for_harm")):
        moments = rows({"sales": (BETTER,), "speed": (3 - allowed - distance * errors,)})
        assert decided(moments, chosen, as_of=early)[0] == decision
        assert decided(moments, chosen)[0] == "stop_for_harm"
    assert (
        decided(moments, experiment(**guarded(margin), min_sample_size=N + 1), as_of=early)[0]
        == "keep_running"
    )


def test_before_the_end_harm_by_one_treatment_is_told_though_another_looks_better() -> None:
    """Speed is 7 standard errors worse in c, beyond any bound; the posterior of both is better in sales."""
    moments = rows({"sales": (BETTER, BETTER), "speed": (NULL, WORSE)})
    chosen = experiment(2, **guarded(None), analysis={"method": "bayesian"})
    decision, reasons = decided(moments, chosen, as_of=AFTER - timedelta(days=3))
    assert decision == "stop_for_harm"
    assert reasons[-1] == "c: The guardrail speed is harmed: significantly worse."
    assert reasons[0].startswith(
        "b: sales is not judged yet (relative effect +16.67%, probability to be better"
    )
    assert decided(moments, chosen)[1][0] == "Ship b."


def test_a_failed_check_comes_before_everything() -> None:
    moments = rows({"sales": (BETTER,), "visits": (BETTER,)})
    failed = {"experiment_id": "e", "check": "srm", "status": "fail", "message": "The units do not fit."}
    for as_of in (AFTER, AFTER - timedelta(days=10)):
        assert decided(moments, experiment(), health=(failed,), as_of=as_of) == (
            "do_not_trust",
            ["The check srm failed: The units do not fit."],
        )
    assert decided(moments, experiment(), health=(failed | {"experiment_id": "*"},))[0] == "do_not_trust"
    for harmless in (failed | {"status": "warn"}, failed | {"experiment_id": "another"}):
        assert decided(moments, experiment(), health=(harmless,))[0] == "ship"


def test_too_few_units_wait_for_more_until_the_longest_duration() -> None:
    moments = rows({"sales": (BETTER,), "visits": (BETTER,)})
    moments[1]["n"] = 9_999
    assert decided(moments, experiment(min_sample_size=9_999))[0] == "ship"
    assert decided(moments, experiment(min_sample_size=N)) == (
        "keep_running",
        ["b has 9,999 units, and no decision is made below 10,000: move the end."],
    )
    few = [row | {"n": 7} if (row["metric"], row["variant"]) == ("sales", "a") else row for row in moments]
    assert decided(few, experiment(min_sample_size=8)) == (
        "keep_running",
        ["a has 7 units, and no decision is made below 8: move the end."],
    )
    last = experiment(min_sample_size=N, max_duration_days=21)
    assert decided(moments, last, as_of=AFTER)[0] == "do_not_ship"
    longer = experiment(min_sample_size=N, max_duration_days=22)
    assert decided(moments, longer, as_of=AFTER)[0] == "keep_running"


def test_a_secondary_metric_of_few_units_keeps_nothing_waiting() -> None:
    """What only buyers have is of fewer units than the variant."""
    roles = {"primary": ["sales"], "secondary": ["visits"]}
    moments = [
        row | ({"n": 7} if row["metric"] == "visits" else {})
        for row in rows({"sales": (BETTER,), "visits": (NULL,)})
    ]
    assert decided(moments, experiment(metrics=roles, min_sample_size=8))[0] == "ship"


def test_a_metric_without_result_is_not_shown() -> None:
    decision, reasons = decided(rows({"sales": (BETTER,)}), experiment())
    assert decision == "do_not_ship"
    assert reasons[1] == "b: visits is not shown to be better: there is no result."
    flat = rows({"sales": (BETTER,), "visits": (NULL,)})
    flat = [row | ({"var_num": 0.0} if row["metric"] == "visits" else {}) for row in flat]
    reasons = decided(flat, experiment())[1]
    assert reasons[1] == (
        "b: No effect on visits was shown (relative effect +0.00%). "
        "The values do not vary, so there is no error to compare the effect with."
    )
    nobody = {"n": 0, "n_complete": 0, "mean_num": None, "var_num": None}
    empty = [row | (nobody if row["variant"] == "b" else {}) for row in rows({"sales": (NULL,)})]
    reasons = decided(empty, experiment(metrics={"primary": ["sales"]}))[1]
    assert reasons == [
        "b: sales is not shown to be better. A variant has fewer than two units, so its spread is unknown."
    ]


def test_what_was_not_shown_tells_what_is_still_possible() -> None:
    """3.03 against 3, each with an error of 0.05: by the delta method 1 % +- 1.96 * (0.05 / 3) * sqrt(1 + 1.01^2)."""
    only: dict[str, Any] = {"metrics": {"primary": ["sales"]}}
    [reason] = decided(rows({"sales": (3.03,)}), experiment(**only))[1]
    [row] = analysed(rows({"sales": (3.03,)}), [experiment(**only)], METRICS, as_of=AFTER).results
    assert (row["relative_low"], row["relative_high"]) == pytest.approx(
        (0.01 - 0.04643, 0.01 + 0.04643), abs=1e-5
    )
    assert reason == (
        f"b: No effect on sales was shown; the 95 % interval still allows from {row['relative_low']:+.2%} to "
        f"{row['relative_high']:+.2%} (relative effect +1.00%, adjusted p = {row['p_value']:.3g})."
    )
    one_sided = experiment(**only, analysis={"sides": 1})
    [reason] = decided(rows({"sales": (3.03,)}), one_sided)[1]
    assert reason.startswith("b: No improvement of sales was shown; the 95 % interval still allows -")
    assert "% and more (" in reason
    rate = metric("sales", kind="proportion", value=None)
    rates = [row | {"mean_num": row["mean_num"] / 10} for row in rows({"sales": (1.5,)})]
    [reason] = decided(rates, one_sided, metrics={"sales": rate})[1]
    assert reason.startswith("b: No improvement of sales was shown; the 95 % interval still allows -")
    bayesian = experiment(**only, analysis={"method": "bayesian"})
    assert (
        "the 95 % credible interval still allows from -3."
        in decided(rows({"sales": (3.03,)}), bayesian)[1][0]
    )


def test_what_only_the_correction_takes_away_is_told() -> None:
    moments = rows({"sales": (3.1485,), "visits": (NULL,)})
    reasons = decided(moments, experiment())[1]
    assert reasons[0].startswith(
        "b: No effect on sales was shown once it is corrected for several tests; the 95 %"
    )
    assert "corrected" not in reasons[1]


def test_what_has_no_verdict_yet_is_not_laid_to_the_correction() -> None:
    """Sales are better by 1 / 6 with an error of 0.05 / 3 * sqrt(1 + (7 / 6)^2) = 0.02561; the one test has one p."""
    moments = rows({"sales": (BETTER,), "speed": (WORSE,)})
    decision, reasons = decided(moments, experiment(**guarded(None)), as_of=AFTER - timedelta(days=3))
    welch = stats.ttest_ind_from_stats(BETTER, 5, N, 3, 5, N, equal_var=False)
    assert decision == "stop_for_harm"
    assert reasons[0] == (
        f"b: sales is not judged yet (relative effect +16.67%, adjusted p = {welch.pvalue:.3g}). "
        f"{reason_sentence('not_finished')}"
    )


def test_no_reason_is_a_code() -> None:
    """Each code of the tables, in a row that has one: not in the sentence, which has no underscore but in names."""
    chosen = experiment(metrics={"primary": ["sales"]})
    found = analysed(rows({"sales": (NULL,)}), [chosen], METRICS, as_of=AFTER)
    [only] = found.results
    for code in RESULTS:
        for blank in ({}, {"effect": None}):
            row = only | {"reason": code or None} | blank
            [told] = decisions(Evidence([row], (), frozenset(), found.now, ()), [chosen], METRICS)
            assert isinstance(told["reasons"], list)
            assert "_" not in " ".join(told["reasons"]).replace("min_sample_size", "")


def test_segments_other_estimators_and_earlier_days_do_not_decide() -> None:
    bad = {"sales": (WORSE,), "visits": (WORSE,)}
    good = rows({"sales": (BETTER,), "visits": (BETTER,)})
    aside = [
        *rows(bad, segment_name="country", segment_value="DE"),
        *rows(bad, day=date(2026, 1, 20)),
    ]
    assert decided([*aside, *good], experiment())[0] == "ship"
    assert decided([*good, *aside], experiment())[0] == "ship"
    slow = {"speed": (WORSE,)}
    harm = [*rows(slow, segment_name="country", segment_value="DE"), *rows(slow, day=date(2026, 1, 20))]
    moments = rows({"sales": (BETTER,), "speed": (NULL,)})
    assert decided([*moments, *harm], experiment(**guarded(None)))[0] == "ship"
    found = analysed(good, [experiment()], METRICS, as_of=AFTER)
    plain = [row | {"headline": False, "significant": False, "estimator": "x"} for row in found.results]
    evidence = Evidence([*found.results, *plain], (), frozenset(), found.now, ())
    assert decisions(evidence, [experiment()], METRICS)[0]["decision"] == "ship"


def test_posteriors_decide_by_the_probability_to_be_better() -> None:
    bayesian = {"analysis": {"method": "bayesian"}, "metrics": {"primary": ["sales"]}}
    # with a flat prior the probability passes 97.5 % at 1.96 standard errors of the relative effect
    for mean, decision in ((3.13, "do_not_ship"), (3.16, "ship")):
        found, reasons = decided(rows({"sales": (mean,)}), experiment(**bayesian))
        assert found == decision
        assert "probability to be better 9" in reasons[-1]
    assert (
        "probability to be better > 99.99%)."
        in decided(rows({"sales": (BETTER,)}), experiment(**bayesian))[1][1]
    )
    both = bayesian | {"metrics": {"primary": ["sales", "visits"]}}
    both["analysis"] = {"method": "bayesian", "ship_when": "any"}
    mixed = rows({"sales": (BETTER,), "visits": (WORSE,)})
    assert decided(mixed, experiment(**both))[0] == "do_not_ship"


def test_of_several_treatments_the_reasons_tell_the_probability_to_be_best() -> None:
    bayesian = {"analysis": {"method": "bayesian"}, "metrics": {"primary": ["sales"]}}
    reasons = decided(rows({"sales": (3.2, 3.25)}), experiment(2, **bayesian))[1]
    told = [float(sentence.split("to be the best variant ")[1].split("%")[0]) for sentence in reasons[1:3]]
    # the two differ by 0.7 standard errors of their difference, 0.0707: Phi(0.707) = 76 %
    assert reasons[0] == "Ship c."
    assert told == pytest.approx([76.0, 24.0], abs=0.7)
    alone = decided(rows({"sales": (3.2,)}), experiment(**bayesian))[1]
    assert not any("best variant" in sentence for sentence in alone)
