"""Every optional key arrives in its model, and has its default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conf_directory import BUTTON, LOCAL, SHOP, WEB, Conf
from pydantic import ValidationError

from abspark.config import EventSource, ExposureSource

EXPOSURE: dict[str, Any] = {
    "name": "e",
    "format": "csv",
    "path": "p",
    "columns": {"unit": "u", "variant": "v"},
}

FLAT_PRIOR = {
    "proportion": {"successes": 1.0, "failures": 1.0},
    "relative_effect": {"mean": 0.0, "sd": None},
}


def test_a_source_with_one_fixed_time() -> None:
    source = ExposureSource.model_validate({**EXPOSURE, "fixed_time": "2026-01-01T00:00:00+01:00"})
    assert source.fixed_time == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert source.columns.mapped == {"unit": "u", "variant": "v"}


def test_reading_keys_of_a_source_arrive() -> None:
    columns = {"unit": "u", "variant": "v", "time": "t"}
    extra = {
        "time_zone": "Asia/Tokyo",
        "time_format": "yyyy-MM-dd",
        "options": {
            "header": False,
            "maxColumns": 30,
            "samplingRatio": 0.5,
            "sep": ";",
            "mode": "permissive",
        },
        "attributes": {"land": "geo.country"},
    }
    source = ExposureSource.model_validate({**EXPOSURE, "columns": columns, **extra})
    assert source.time_zone == "Asia/Tokyo"
    assert source.time_format == "yyyy-MM-dd"
    options = {
        "header": "false",
        "maxColumns": "30",
        "samplingRatio": "0.5",
        "sep": ";",
        "mode": "permissive",
    }
    assert source.options == options
    assert source.attributes == {"land": "geo.country"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2h", timedelta(hours=2)),
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        (None, None),
    ],
)
def test_completeness_is_a_lag_or_an_instant(written: str | None, value: object) -> None:
    columns = {"unit": "u", "time": "t"}
    source = EventSource.model_validate({**EXPOSURE, "columns": columns, "complete_until": written})
    assert source.complete_until == value


def test_copies_are_at_most_so_far_apart() -> None:
    columns = {"unit": "u", "time": "t", "event_id": "id"}
    sources = [
        EventSource.model_validate({**EXPOSURE, "columns": columns, **given})
        for given in ({}, {"copies_within": "0d"}, {"copies_within": "1d12h"})
    ]
    assert [source.copies_within for source in sources] == [None, timedelta(0), timedelta(hours=36)]
    timeless = {"columns": {"unit": "u", "event_id": "id"}, "fixed_time": "2026-01-01T00:00:00Z"}
    with pytest.raises(ValidationError, match=r"copies_within.*has no effect without columns\.time"):
        EventSource.model_validate({**EXPOSURE, **timeless, "copies_within": "1d"})


def test_optional_keys_of_metrics_experiments_and_environments_arrive(conf: Conf) -> None:
    conf.edit(
        SHOP,
        "kind: count",
        "kind: count\n    direction: decrease\n    window_policy: complete\n    unit_label: orders"
        "\n    owner: shop\n    description: How many.",
    )
    conf.edit(
        BUTTON,
        "segments: [country]\n",
        "name: Button\nhypothesis: Greener sells.\nowner: growth\nstatus: paused\nmultiple_variants: first\n"
        "analysis: {method: fixed, alpha: 0.1, sides: 1, correction: hochberg, interval: newcombe,"
        " estimator: unadjusted, relative_interval: fieller, ship_when: any}\n"
        "health:\n  srm: {threshold: 0.01, severity: warn}\n  several_variants: {warn: 0.02, fail: 0.03}\n"
        "  hash: {warn: 0.001, fail: 0.002}\n"
        "min_sample_size: 50\nmax_duration_days: 14\n",
    )
    conf.edit(BUTTON, "{relative: 0.05}", "{absolute: 0.5}")
    conf.write(
        LOCAL,
        "lake: {catalog: main, schema: ab}\nspark: {master: 'local[3]', conf: {spark.a: true, spark.b: 4}}\n"
        "keep_unit_metrics: true\nledger: full\npseudonymise: true\npseudonym_key: ${KEY}\n",
    )
    project = conf.load("local", {"KEY": "k" * 32})

    metric = project.metrics["orders_per_unit"]
    assert (metric.direction, metric.window_policy) == ("decrease", "complete")
    assert (metric.unit_label, metric.owner, metric.description) == ("orders", "shop", "How many.")
    experiment = project.experiments["button"]
    assert (experiment.name, experiment.hypothesis, experiment.owner) == (
        "Button",
        "Greener sells.",
        "growth",
    )
    assert (experiment.status, experiment.multiple_variants) == ("paused", "first")
    assert experiment.analysis.model_dump() == {
        "method": "fixed",
        "alpha": 0.1,
        "sides": 1,
        "correction": "hochberg",
        "estimator": "unadjusted",
        "group_sequential": None,
        "anytime": {"tuned_at": 10_000, "tau": None},
        "interval": "newcombe",
        "relative_interval": "fieller",
        "bayesian": {"prior": FLAT_PRIOR},
        "ship_when": "any",
    }
    assert experiment.health.model_dump(include={"srm", "several_variants", "hash"}) == {
        "srm": {"threshold": 0.01, "severity": "warn"},
        "several_variants": {"warn": 0.02, "fail": 0.03},
        "hash": {"warn": 0.001, "fail": 0.002},
    }
    assert (experiment.min_sample_size, experiment.max_duration_days, experiment.segments) == (50, 14, ())
    margin = experiment.metrics.guardrails[0].margin
    assert margin is not None
    assert (margin.relative, margin.absolute) == (None, 0.5)
    environment = project.environment
    assert environment is not None
    assert (environment.lake.catalog, environment.lake.schema_name, environment.lake.path) == (
        "main",
        "ab",
        None,
    )
    assert environment.spark is not None
    assert environment.spark.model_dump() == {
        "master": "local[3]",
        "conf": {"spark.a": "true", "spark.b": "4"},
    }
    assert (environment.keep_unit_metrics, environment.ledger) == (True, "full")
    assert (environment.pseudonymise, project.pseudonym_key) == (True, "k" * 32)


def test_priors_arrive(conf: Conf) -> None:
    conf.edit(
        BUTTON,
        "segments: [country]\n",
        "analysis:\n  method: bayesian\n  bayesian:\n    prior:\n      proportion: {successes: 2, failures: 40}\n"
        "      relative_effect: {mean: 0.01, sd: 0.2}\n",
    )
    prior = conf.load().experiments["button"].analysis.bayesian.prior
    assert prior.model_dump() == {
        "proportion": {"successes": 2.0, "failures": 40.0},
        "relative_effect": {"mean": 0.01, "sd": 0.2},
    }


def test_keys_of_sequential_methods_arrive(conf: Conf) -> None:
    futility = "{beta: 0.1, spending: hsd, parameter: -2, effect: {relative: 0.02}}"
    plan = f"{{planned_units: 5000, spending: power, parameter: 2, looks: [3, 7], futility: {futility}}}"
    conf.edit(
        BUTTON,
        "segments: [country]\n",
        f"analysis: {{method: group_sequential, group_sequential: {plan}}}\n",
    )
    analysis = conf.load().experiments["button"].analysis
    assert analysis.sequential
    assert analysis.group_sequential is not None
    assert analysis.group_sequential.model_dump() == {
        "planned_units": 5000,
        "spending": "power",
        "parameter": 2.0,
        "looks": (3, 7),
        "futility": {
            "beta": 0.1, "spending": "hsd", "parameter": -2.0, "effect": {"relative": 0.02, "absolute": None},
        },
    }  # fmt: skip
    conf.edit(BUTTON, f"group_sequential, group_sequential: {plan}", "anytime, anytime: {tuned_at: 700}")
    assert conf.load().experiments["button"].analysis.anytime.model_dump() == {"tuned_at": 700, "tau": None}


@pytest.mark.parametrize("method", ["anytime", "group_sequential, group_sequential: {planned_units: 9}"])
def test_sequential_methods_refuse_open_windows(conf: Conf, method: str) -> None:
    conf.edit(BUTTON, "segments: [country]\n", f"analysis: {{method: {method}}}\n")
    assert conf.load().metrics["conversion"].window_policy is None
    conf.edit(SHOP, "kind: proportion\n", "kind: proportion\n    window_policy: all\n")
    name = method.split(",")[0]
    (told,) = conf.told()
    assert told.startswith(f"{BUTTON}:")
    assert told.endswith(
        f" = conversion: the metric has window_policy: all, with which method {name} errs more often than alpha"
        " [a metric with window_policy: complete, or without one]"
    )
    conf.edit(SHOP, "window_policy: all", "window_policy: complete")
    assert conf.load().metrics["conversion"].window_policy == "complete"
    conf.edit(SHOP, "kind: proportion\n    window_policy: complete\n", "kind: proportion\n")
    text = (conf.directory / SHOP).read_text()
    (conf.directory / SHOP).write_text(text.replace("window: {end: 7d}", "window: {end: open}", 1))
    told = conf.told()
    assert (
        [line for line in told if line.startswith(f"{BUTTON}:")]
        == [
            line
            for line in told
            if line.endswith("needs values that are settled [a metric whose window ends]")
        ]
        != []
    )


def test_defaults(conf: Conf) -> None:
    project = conf.load()
    experiment = project.experiments["button"]
    assert experiment.analysis.model_dump() == {
        "method": "fixed",
        "alpha": 0.05,
        "sides": 2,
        "correction": "holm",
        "estimator": "cuped",
        "group_sequential": None,
        "anytime": {"tuned_at": 10_000, "tau": None},
        "interval": "wald",
        "relative_interval": "delta",
        "bayesian": {"prior": FLAT_PRIOR},
        "ship_when": "all",
    }
    assert experiment.health.model_dump(include={"srm", "several_variants", "hash"}) == {
        "srm": {"threshold": 0.001, "severity": "fail"},
        "several_variants": {"warn": 0.01, "fail": 0.05},
        "hash": {"warn": 0.0, "fail": 0.001},
    }
    assert (experiment.status, experiment.multiple_variants) == ("running", "exclude")
    assert (experiment.min_sample_size, experiment.max_duration_days) == (0, None)
    metric = project.metrics["conversion"]
    assert (metric.direction, metric.window_policy, metric.window.start) == ("increase", None, timedelta(0))
    source = project.events["orders"]
    assert (source.time_zone, source.time_format, source.fixed_time, source.options) == (
        "UTC",
        None,
        None,
        {},
    )
    assert source.complete_until is None
    environment = project.environment
    assert environment is not None
    assert (environment.spark, environment.keep_unit_metrics, environment.ledger) == (None, False, "rows")
    assert (environment.pseudonymise, environment.pseudonym_key) == (False, None)
    conf.edit(
        WEB,
        "    attributes: [country, platform]\n    properties: {is_bot: boolean}\n    filter: not is_bot\n",
        "",
    )
    conf.edit(BUTTON, "segments: [country]\n", "")
    bare = conf.load().exposures["shown"]
    assert (bare.attributes, bare.properties, bare.filter) == ({}, {}, None)
