"""How it was computed is said of the method that was used, and of what that method has."""

from __future__ import annotations

from typing import Any

import pytest
from page_reader import Page
from report_rows import experiment, metric, report_data, result

from abspark.report.page import experiment_page
from abspark.report.sections.method import method

PLAN = {"planned_units": 20_000}


def facts(
    metrics: tuple[str, ...] = ("conversion",),
    variants: tuple[str, ...] = ("control", "treatment"),
    **analysis: Any,
) -> dict[str, str]:
    chosen = experiment(metrics, variants=variants, analysis=analysis)
    return dict(method(report_data([result(metrics[0])], of=chosen)).context["facts"])


def test_a_bayesian_method_has_an_interval_and_a_prior_but_no_sides_and_no_correction() -> None:
    flat = facts(method="bayesian", alpha=0.1)
    assert "Correction" not in flat
    assert flat["Alpha"] == "0.1: credible intervals hold 90 %"
    assert flat["Prior"] == "proportions Beta(1, 1); relative effects of other metrics flat"
    prior = {"proportion": {"successes": 3, "failures": 7.5}, "relative_effect": {"mean": 0.01, "sd": 0.2}}
    assert facts(method="bayesian", bayesian={"prior": prior})["Prior"] == (
        "proportions Beta(3, 7.5); relative effects of other metrics normal, mean 0.01, sd 0.2"
    )


@pytest.mark.parametrize(
    ("metrics", "variants", "correction", "said"),
    [
        (
            ("conversion", "revenue"),
            ("control", "blue", "green", "red"),
            "holm",
            "alpha split evenly over 6 tests",
        ),
        (("conversion",), ("control", "blue", "green"), "bonferroni", "alpha split evenly over 2 tests"),
        (("conversion",), ("control", "treatment"), "holm", None),
        (("conversion", "revenue"), ("control", "treatment"), "none", "none"),
    ],
)
def test_a_group_sequential_family_splits_alpha(
    metrics: tuple[str, ...], variants: tuple[str, ...], correction: str, said: str | None
) -> None:
    told = facts(metrics, variants, method="group_sequential", group_sequential=PLAN, correction=correction)
    assert told.get("Correction") == said
    assert told["Alpha"] == "0.05, two-sided"


@pytest.mark.parametrize("name", ["fixed", "anytime"])
def test_other_methods_correct_p(name: str) -> None:
    told = facts(method=name, sides=1, correction="hochberg")
    assert (told["Alpha"], told["Correction"]) == ("0.05, one-sided", "hochberg")


@pytest.mark.parametrize(
    ("anytime", "source", "other"),
    [
        ({"tuned_at": 5_000}, "arXiv:2103.06476", "arXiv:1512.04922"),
        ({"tau": 0.02}, "arXiv:1512.04922", "arXiv:2103.06476"),
    ],
)
def test_the_anytime_method_names_the_source_of_its_intervals(
    anytime: dict[str, float], source: str, other: str
) -> None:
    chosen = experiment(analysis={"method": "anytime", "anytime": anytime})
    text = Page(experiment_page(report_data([result(method="anytime")], of=chosen))).text
    assert source in text
    assert other not in text


def test_a_window_says_what_it_is_counted_from() -> None:
    own = metric("conversion", window={"start": "1d", "end": "10d"})
    campaign = metric("campaign", window={"end": "10d", "anchor": "experiment_start"})
    open_end = metric("later", window={"end": "open", "anchor": "experiment_start"})
    hours = metric("hours", window={"start": "-2d", "end": "3d12h"})
    metrics = {given.name: given for given in (own, campaign, open_end, hours)}
    section = method(report_data([result(name) for name in metrics], metrics=metrics))
    assert [cells[5].text for cells in section.context["metrics"].rows] == [
        "1 d to 10 d",
        "0 d to 10 d, from the start of the experiment",
        "0 d to the end, from the start of the experiment",
        "-2 d to 3 d 12 h",
    ]


def test_the_kinds_of_intervals_are_named() -> None:
    names = ("Interval of proportions", "Relative interval")
    said = {
        method: {name: told[name] for name in names if name in told}
        for method, told in {
            "fixed": facts(interval="newcombe", relative_interval="fieller"),
            "anytime": facts(method="anytime"),
            "bayesian": facts(method="bayesian"),
        }.items()
    }
    assert said == {
        "fixed": {"Interval of proportions": "newcombe", "Relative interval": "fieller"},
        "anytime": {"Relative interval": "delta"},
        "bayesian": {},
    }
