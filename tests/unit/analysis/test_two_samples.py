"""Two samples through the analysis of an experiment, against scipy and statsmodels on the raw values."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from abspark.analysis.sample_cleaning import Rows, Sample, cleaned
from abspark.analysis.two_samples import kind_of, two_samples

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def sample(values: object) -> Sample:
    return Sample(np.asarray(values, dtype=np.float64), {})


def test_a_rate_is_tested_by_the_pooled_z() -> None:
    control, treatment = sample([1] * 90 + [0] * 910), sample([1] * 130 + [0] * 920)
    found = two_samples(control, treatment, metric="clicked", now=NOW)
    _, p = proportions_ztest([130, 90], [1050, 1000])
    [row] = found.results
    assert row["p_value"] == pytest.approx(p, rel=1e-12)
    assert row["relative_effect"] == pytest.approx(130 / 1050 / 0.09 - 1)
    assert found.decision["decision"] == "ship"


@pytest.mark.parametrize(
    ("ones", "relative", "reason"),
    [((200, 0), -1.0, "no_relative_error"), ((0, 200), None, "control_mean_not_positive")],
)
def test_all_against_none_has_the_pooled_error(
    ones: tuple[int, int], relative: float | None, reason: str
) -> None:
    """The pooled p is 1/2: a standard error of sqrt(0.25 * 2 / 200) = 0.05; an interval ends where effects do."""
    arms = [sample([1] * count + [0] * (200 - count)) for count in ones]
    [row] = two_samples(*arms, metric="clicked", now=NOW).results
    effect = (ones[1] - ones[0]) / 200
    names = ("effect", "relative_effect", "relative_low", "significant", "reason")
    assert [row[name] for name in names] == [effect, relative, None, True, reason]
    numbers = [row[name] for name in ("std_error", "statistic", "p_value", "effect_low", "effect_high")]
    ends = sorted([effect, effect * (1 - stats.norm.isf(0.025) * 0.05)])
    assert numbers == pytest.approx([0.05, effect * 20, 2 * stats.norm.sf(20), *ends], rel=1e-9)


@pytest.mark.parametrize("value", [0, 1])
def test_equal_rates_without_variance_have_no_p(value: int) -> None:
    [row] = two_samples(sample([value] * 200), sample([value] * 200), metric="clicked", now=NOW).results
    names = ("effect", "std_error", "p_value", "effect_low", "significant", "reason")
    assert [row[name] for name in names] == [0.0, 0.0, None, None, None, "zero_variance"]


def test_a_mean_is_tested_by_welch() -> None:
    draws = np.random.default_rng(7)
    first, second = draws.exponential(3, 200), draws.exponential(3.3, 180)
    [row] = two_samples(sample(first), sample(second), metric="spend", now=NOW).results
    assert row["p_value"] == pytest.approx(stats.ttest_ind(second, first, equal_var=False).pvalue, rel=1e-9)


def test_less_may_be_better() -> None:
    control, treatment = sample([1] * 300 + [0] * 700), sample([1] * 200 + [0] * 800)
    found = two_samples(control, treatment, metric="errors", direction="decrease", now=NOW)
    assert found.decision["decision"] == "ship"


def test_cleaning_counts_what_it_leaves_out() -> None:
    read = cleaned(
        Rows(
            [
                "1",
                " 0 ",
                "TRUE",
                "no",
                "2.5",
                "",
                None,
                "NA",
                "nan",
                "x",
                "inf",
                "1,234",
                True,
                3,
                "1e150",
                -1e200,
                9e149,
            ]
        )
    )
    assert read.values.tolist() == [1, 0, 1, 0, 2.5, 1, 3, 9e149]
    assert read.left_out == {"missing": 4, "bad_value": 5}
    assert read.rows == 17


def test_only_zeros_and_ones_are_a_rate() -> None:
    assert kind_of([sample([0, 1]), sample([1, 1])]) == "proportion"
    assert kind_of([sample([0, 1]), sample([1, 2])]) == "mean"
    assert kind_of([sample([]), sample([])]) == "proportion"


def test_a_split_that_was_not_meant_fails() -> None:
    control, treatment = sample([0, 1] * 2000), sample([0, 1] * 2500)
    untold = two_samples(control, treatment, metric="m", now=NOW)
    assert untold.health[0]["status"] == "skipped"
    told = two_samples(control, treatment, metric="m", share=0.5, now=NOW)
    assert (told.health[0]["check"], told.health[0]["status"]) == ("srm", "fail")
    assert told.decision["decision"] == "do_not_trust"
    meant = two_samples(control, treatment, metric="m", share=5 / 9, now=NOW)
    assert meant.health[0]["status"] == "pass"


def test_rows_left_out_more_often_on_one_side_are_noticed() -> None:
    control = Sample(np.zeros(5000), {"bad_value": 5})
    treatment = Sample(np.zeros(5000), {"bad_value": 400})
    checks = two_samples(control, treatment, metric="m", now=NOW).health
    [row] = [row for row in checks if row["check"] == "drops_balanced"]
    # those left out over all rows of each file, among which they are once more
    table = [[5, 400], [5005, 5400]]
    assert row["p_value"] == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert (row["status"], row["observed"]) == ("warn", "control 5, treatment 400")


@pytest.mark.parametrize("values", [[], [1.0]])
def test_an_arm_without_numbers_has_a_reason(values: list[float]) -> None:
    found = two_samples(sample([0.5, 1.5]), sample(values), metric="m", now=NOW)
    assert found.results[0]["reason"] is not None
    assert found.results[0]["p_value"] is None
    assert found.decision["decision"] == "do_not_ship"
