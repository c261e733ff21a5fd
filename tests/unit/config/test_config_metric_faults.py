"""Faults of metrics are told with file, line, key, value and what is allowed."""

from __future__ import annotations

import pytest
from conf_directory import METRICS, SHOP, WEB, Conf

DURATION = "must be a duration of days, hours, minutes and seconds such as 7d, 12h, 30m, 90s or 1d12h"
CAPPED = "kinds mean, count, distinct, min, max, latest"
NAMES = "conversion, orders_per_unit, revenue"

METRIC_FAULTS = [
    (
        "kind: proportion", "kind: rate",
        [
            ":3 metrics[0].kind = rate: is not among the choices ['proportion', 'mean', 'count', 'ratio', 'retention',"
            " 'quantile', 'distinct', 'min', 'max', 'latest', 'time_to' or 'funnel']"
        ],
    ),
    (
        "kind: proportion", "kind: ratio",
        [
            ":2 metrics[0]: kind ratio needs numerator: what it counts or sums",
            ":2 metrics[0]: kind ratio needs denominator: what it counts or sums",
            ":5 metrics[0].where = event = 'purchase': kind ratio takes its conditions from its sides",
        ],
    ),
    (
        "kind: count", "kind: count\n    caps: {value: 3}",
        [
            ":14 metrics[2].caps: unknown key; did you mean 'cap'? [name, extends, kind, source, where, value, window,"
            " window_policy, numerator, denominator, different_windows, quantile, of, steps, cap, covariate, trigger,"
            " direction, description, owner, unit_label]"
        ],
    ),
    ("kind: count", "kind: mean", [":12 metrics[2]: kind mean needs value: the expression that is summed per unit"]),
    (
        "kind: count", "kind: count\n    value: value",
        [":14 metrics[2].value = value: kind count takes no value [kinds mean, quantile, distinct, min, max, latest]"],
    ),
    (
        "where: event = 'purchase'", "where: evnt = 'purchase'",
        [
            ":5 metrics[0].where = evnt = 'purchase': 'evnt' is no column of the source; did you mean 'event'?"
            " [unit, time, event, value, pieces, tags, label]"
        ],
    ),
    *(
        (
            "where: event = 'purchase'", f"where: {raw} = 'purchase'",
            [
                f":5 metrics[0].where = {raw} = 'purchase': {raw!r} is no column of the source; here it is called"
                f" {name!r} [unit, time, event, value, pieces, tags, label]"
            ],
        )
        for raw, name in (("what", "event"), ("EUR", "value"), ("customer", "unit"), ("raw_label", "label"))
    ),
    (
        "value: value * pieces", "value: sum(value)",
        [":10 metrics[1].value = sum(value): sum() is an aggregate; the metric's kind aggregates"],
    ),
    (
        "value: value * pieces", "value: event",
        [
            ":10 metrics[1].value = event: is text, not a number"
            " [a number; of a condition: case when … then 1 else 0 end]"
        ],
    ),
    (
        "kind: mean\n    source: orders\n    value: value * pieces",
        "kind: uniques\n    source: orders\n    value: event",
        [
            ":8 metrics[1].kind = uniques: is not among the choices ['proportion', 'mean', 'count', 'ratio',"
            " 'retention', 'quantile', 'distinct', 'min', 'max', 'latest', 'time_to' or 'funnel']"
        ],
    ),
    (
        "{start: 1h, end: 14d}", "{start: 14d, end: 14d}",
        [":11 metrics[1].window.end = 14d: the window is empty [an end after start]"],
    ),
    (
        "{start: 1h, end: 14d}", "{start: 2d, end: 1d}",
        [":11 metrics[1].window.end = 1d: the window is empty [an end after start]"],
    ),
    *(
        (
            "value: value * pieces", f"value: value * pieces\n    cap: {{{key}: {given}}}",
            [f":11 metrics[1].cap.{key} = {given}: is out of range [{allowed}]"],
        )
        for key, given, allowed in (
            ("quantile", "1", "below 1.0"), ("quantile", "99.9", "below 1.0"), ("lower_quantile", "0", "above 0.0"),
        )
    ),
    (
        "kind: count\n", "kind: ratio\n    numerator: {value: value}\n    denominator: {window: {end: 2d}}\n",
        [
            ":12 metrics[2]: numerator and denominator have different windows"
            " [one window, or different_windows: true]"
        ],
    ),
    ("{start: 1h, end: 14d}", "{start: 1h}", [":11 metrics[1].window.end: is missing"]),
    ("{start: 1h, end: 14d}", "{start: 0, end: 14d}", [f":11 metrics[1].window.start = 0: {DURATION}"]),
    ("{start: 1h, end: 14d}", "{end: 9999d}", [":11 metrics[1].window.end = 9999d: must be at most 3650d"]),
    (
        "kind: count", "kind: count\n    window_policy: some",
        [":14 metrics[2].window_policy = some: is not among the choices ['all' or 'complete']"],
    ),
    (
        "kind: count", "kind: count\n    direction: up",
        [":14 metrics[2].direction = up: is not among the choices ['increase' or 'decrease']"],
    ),
    (
        "kind: count\n    source: orders", "kind: count\n    source: order",
        [":14 metrics[2].source = order: there is no such event source; did you mean 'orders'? [orders]"],
    ),
    ("metrics:\n", "metrics:\n  - text\n", [":2 metrics[0] = text: must be a mapping of key: value"]),
]  # fmt: skip

COUNT = "kind: count\n    source: orders\n    window: {end: 7d}"
RATIO = "kind: ratio\n    numerator: {}\n    denominator: {}"
FUNNEL = "kind: funnel\n    steps: [{name: seen}, {name: bought}]"
SUM = "value: value * pieces"
NEXT = "{start: 1h, end: 14d}\n  - name: orders_per_unit\n"

RULES = [
    (
        "kind: count", "kind: ratio\n    numerator: {value: value, distinct: event}\n    denominator: {}",
        [":14 metrics[2].numerator.distinct = event: value and distinct exclude each other"],
    ),
    *(
        (SUM, f"{SUM}\n    cap: {given}", [f":11 metrics[1].cap{told}"])
        for given, told in (
            ("{over: all}", ": no bound is given [value or quantile, lower_value or lower_quantile]"),
            ("{value: 5, quantile: 0.9}", ".quantile = 0.9: value and quantile exclude each other"),
            (
                "{lower_value: 1, lower_quantile: 0.1}",
                ".lower_quantile = 0.1: lower_value and lower_quantile exclude each other",
            ),
            ("{lower_value: 5, value: 5}", ": the lower bound is not below the upper one"),
            ("{lower_quantile: 0.9, quantile: 0.1}", ": the lower bound is not below the upper one"),
        )
    ),
    *(
        (SUM, f"{SUM}\n    covariate: {given}", [f":11 metrics[1].covariate{told}"])
        for given, told in (
            ("{}", ": exactly one of lookback and attribute must be given"),
            ("{lookback: 7d, attribute: country}", ": exactly one of lookback and attribute must be given"),
            (
                "{attribute: country, metric: conversion}",
                ".metric = conversion: has no effect with attribute [leave it out]",
            ),
            ("{lookback: 0d}", ".lookback = 0d: reaches back by nothing [a duration above 0 such as 14d]"),
            (
                "{attribute: county}",
                ".attribute = county: is no attribute of the exposure source 'shown'; did you mean 'country'?"
                " [country, platform]",
            ),
            (
                "{lookback: 7d, metric: conversions}",
                f".metric = conversions: there is no such metric; did you mean 'conversion'? [{NAMES}]",
            ),
        )
    ),
    (
        "kind: mean", "kind: max\n    covariate: {lookback: 7d, metric: revenue}",
        [":9 metrics[1].covariate.metric = revenue: is of kind max [a metric of kind proportion, count, mean]"],
    ),
    (
        "kind: mean", "kind: max\n    covariate: {lookback: 7d}",
        [":9 metrics[1].covariate: kind max can't be its own covariate [name another metric or an attribute]"],
    ),
    (
        "kind: count", "kind: quantile\n    quantile: 0.5\n    covariate: {lookback: 7d}",
        [":15 metrics[2].covariate: a quantile can't be adjusted by a covariate [leave it out]"],
    ),
    ("kind: count", f"{RATIO}\n    cap: {{value: 3}}", [f":16 metrics[2].cap: kind ratio takes no cap [{CAPPED}]"]),
    (
        "kind: count", "kind: count\n    trigger: {source: orders, within: 0d}",
        [":14 metrics[2].trigger.within = 0d: leaves no time [a duration above 0 such as 1d]"],
    ),
    *(
        (
            COUNT, f"{COUNT[:-1]}, {given}}}\n    trigger: {{source: orders}}",
            [":15 metrics[2].window: windows of a triggered metric count from the trigger and start at or after it"],
        )
        for given in ("start: -1d", "anchor: experiment_start")
    ),
    (
        "kind: count\n    source: orders", "kind: count",
        [":12 metrics[2].source: is missing: the event source whose events count"],
    ),
    (
        "kind: count\n    source: orders", "kind: ratio\n    numerator: {}\n    denominator: {source: orders}",
        [":14 metrics[2].numerator.source: is missing, here and in the metric"],
    ),
    (
        "kind: count", "kind: count\n    numerator: {}",
        [":12 metrics[2]: kind count has no numerator and denominator [kind ratio]"],
    ),
    (
        "kind: count", "kind: funnel\n    steps: [{name: seen}]",
        [":14 metrics[2].steps: a funnel needs at least two steps"],
    ),
    (
        "kind: count", "kind: count\n    steps: [{name: seen}]",
        [":14 metrics[2].steps: kind count has no steps [kind funnel]"],
    ),
    (
        "kind: proportion", FUNNEL,
        [":6 metrics[0].where = event = 'purchase': kind funnel takes its conditions from its steps"],
    ),
    (
        "kind: count", FUNNEL.replace("bought", "seen"),
        [":14 metrics[2].steps[1].name = seen: is the name of two steps"],
    ),
    (
        "kind: count\n    source: orders", FUNNEL.replace("seen", "seen, source: orders"),
        [":14 metrics[2].steps[1].source: is missing, here and in the metric"],
    ),
    (
        "- name: orders_per_unit\n    kind: count",
        "- {name: orders_per_unit.seen, kind: count, source: orders, window: {end: 7d}}\n"
        f"  - name: orders_per_unit\n    {FUNNEL}",
        [":15 metrics[3].steps[0].name = seen: 'orders_per_unit.seen' is the name of another metric"],
    ),
    *(
        ("kind: count", new, [f"{told}: goes with kind quantile, and that needs it [0.95 for the 95th percentile]"])
        for new, told in (
            ("kind: quantile", ":12 metrics[2].quantile"),
            ("kind: count\n    quantile: 0.5", ":14 metrics[2].quantile = 0.5"),
        )
    ),
    (
        "kind: mean", "kind: mean\n    of: events",
        [":9 metrics[1].of = events: has no effect without kind quantile"],
    ),
    (
        "kind: count", "kind: quantile\n    quantile: 0.5\n    of: events",
        [":15 metrics[2].of = events: events have no value: give value"],
    ),
    (
        "kind: count", "kind: retention\n    window_policy: all",
        [":14 metrics[2].window_policy = all: kind retention is of units whose window is over [complete]"],
    ),
    (
        COUNT, "kind: time_to\n    source: orders\n    window: {end: open}",
        [
            ":15 metrics[2].window.end = open: time is censored at the window's end, so it needs one"
            " [a duration]"
        ],
    ),
    (
        "kind: count", "kind: count\n    trigger: {source: nowhere, where: evnt = 'x'}",
        [":14 metrics[2].trigger.source = nowhere: there is no such event source [orders]"],
    ),
    (
        "kind: count", "kind: count\n    trigger: {source: orders, where: evnt = 'x'}",
        [
            ":14 metrics[2].trigger.where = evnt = 'x': 'evnt' is no column of the source; did you mean 'event'?"
            " [unit, time, event, value, pieces, tags, label]"
        ],
    ),
    (
        "kind: count", "kind: count\n    extends: conversions",
        [f":14 metrics[2].extends = conversions: there is no such metric; did you mean 'conversion'? [{NAMES}]"],
    ),
    (
        "kind: count", "kind: count\n    extends: orders_per_unit",
        [":14 metrics[2].extends = orders_per_unit: extends itself, directly or through others"],
    ),
    (
        NEXT,
        NEXT.replace("\n", "\n    extends: orders_per_unit\n  - {name: third, extends: revenue}\n", 1)
        + "    extends: revenue\n",
        [
            ":12 metrics[1].extends = orders_per_unit: extends itself, directly or through others",
            ":13 metrics[2].extends = revenue: extends itself, directly or through others",
            ":15 metrics[3].extends = revenue: extends itself, directly or through others",
        ],
    ),
    (
        NEXT, NEXT.replace("\n", "\n    extends: zebra\n", 1) + "    extends: revenue\n",
        [
            f":12 metrics[1].extends = zebra: there is no such metric [{NAMES}]",
            ":14 metrics[2].extends = revenue: extends a metric whose own `extends` is at fault: 'zebra'",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), [*METRIC_FAULTS, *RULES])
def test_a_fault_of_a_metric(conf: Conf, old: str, new: str, told: list[str]) -> None:
    conf.edit(SHOP, old, new)
    assert conf.told() == [f"{SHOP}{fault}" for fault in told]


@pytest.mark.parametrize("written", ["pieces: number", "pieces: {type: number, column: n}"])
def test_of_a_column_whose_type_is_at_fault_expressions_say_nothing(conf: Conf, written: str) -> None:
    conf.edit(WEB, "pieces: int", written)
    conf.edit(SHOP, "value: value * pieces", "value: pieces")
    conf.edit(SHOP, "where: event = 'purchase'", "where: pieces.a")
    (told,) = conf.told()
    assert told.startswith(f"{WEB}:15 events[0].properties.pieces")


INHERITED = """\
  - {name: capped, extends: revenue, cap: {value: 5}}
  - {name: longer, extends: capped, window: {end: 30 days}}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{start: 1h, end: 14d}", "{end: 7}", [(11, "metrics[1].window.end"), (17, "metrics[4].window.end")]),
        ("value: value * pieces", "value: eur", [(10, "metrics[1].value"), (17, "metrics[4].window.end")]),
        (
            "    window: {start: 1h, end: 14d}\n",
            "",
            [(7, "metrics[1].window"), (16, "metrics[4].window.end")],
        ),
    ],
)
def test_a_fault_of_an_inherited_key_is_told_where_the_key_is_written(
    conf: Conf, old: str, new: str, told: list[tuple[int, str]]
) -> None:
    conf.write(SHOP, METRICS + INHERITED)
    conf.edit(SHOP, old, new)
    assert [(fault.line, fault.key) for fault in conf.faults()] == told
