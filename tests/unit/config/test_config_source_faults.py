"""Faults of sources and metrics are told with file, line, key, value and what is allowed."""

from __future__ import annotations

import pytest
from conf_directory import SHOP, WEB, Conf

DURATION = "must be a duration of days, hours, minutes and seconds such as 7d, 12h, 30m, 90s or 1d12h"
PATH = "    path: raw/shown\n"

SOURCE_FAULTS = [
    (
        "format: delta", "format: detla",
        [":3 exposures[0].format = detla: is not among the choices ['delta', 'parquet', 'csv', 'json' or 'table']"],
    ),
    (PATH, "", [":2 exposures[0]: format delta needs path or table"]),
    (
        PATH, f"{PATH}    table: a.b\n",
        [":5 exposures[0].table = a.b: path and table exclude each other [path or table]"],
    ),
    ("path: /lake/orders", "table: a.b", [":12 events[0].table = a.b: format csv takes no table [path]"]),
    (
        "    path: /lake/orders\n", "    path: /lake/orders\n    options: {sep: ;, VersionAsOf: 3}\n",
        [":13 events[0].options.VersionAsOf = 3: each run pins what it reads; this option would override it"],
    ),
    (
        "    path: /lake/orders\n",
        "    path: /lake/orders\n    options: {Mode: DropMalformed, ignoreCorruptFiles: true, badRecordsPath: /lost}\n",
        [
            ":13 events[0].options.Mode = DropMalformed: malformed rows are counted as left out; this option would lose"
            " them unseen, or end the run [PERMISSIVE, which is the default]",
            ":13 events[0].options.badRecordsPath = /lost: each row is kept or counted as left out; this option would"
            " lose rows unseen [leave it out]",
            ":13 events[0].options.ignoreCorruptFiles = true: each row is kept or counted as left out; this option"
            " would lose rows unseen [leave it out]",
        ],
    ),
    (
        PATH, f"{PATH}    options: {{ignoremissingfiles: 'TRUE', readChangeFeed: true}}\n",
        [
            ":5 exposures[0].options.ignoremissingfiles = TRUE: each row is kept or counted as left out; this option"
            " would lose rows unseen [leave it out]",
            ":5 exposures[0].options.readChangeFeed = true: each run pins what it reads; this option would override"
            " it",
        ],
    ),
    (
        PATH, f"{PATH}    time_format: yyyy\n",
        [
            ":5 exposures[0].time_format = yyyy: only text has a time format; this format has typed columns"
            " [csv or json]"
        ],
    ),
    (
        "    path: /lake/orders\n", "    path: /lake/orders\n    time_format: yyyy\n    time_unit: ms\n",
        [":14 events[0].time_unit = ms: time_format reads text and time_unit numbers: one of the two"],
    ),
    (
        PATH, f"{PATH}    time_unit: ms\n    time_zone: UTC\n",
        [":6 exposures[0].time_zone = UTC: has no effect on times counted in a time_unit, which are UTC"],
    ),
    (
        "time: at, ", "",
        [":5 exposures[0].columns: no time: map columns.time, or give fixed_time where the log has no times"],
    ),
    (
        PATH, f"{PATH}    fixed_time: 2026-01-01T00:00:00Z\n",
        [
            ":5 exposures[0].fixed_time = 2026-01-01T00:00:00Z: columns.time is mapped, and fixed_time excludes it"
        ],
    ),
    (
        "    columns: {experiment: exp, unit: uid, variant: arm, time: at, event_id: eid}\n",
        "    columns: {experiment: exp, unit: uid, variant: arm}\n"
        "    fixed_time: 2026-03-02T00:00:00Z\n    time_zone: UTC\n",
        [":7 exposures[0].time_zone = UTC: has no effect without columns.time"],
    ),
    (
        PATH, f"{PATH}    time_zone: Mars/Olympus\n",
        [":5 exposures[0].time_zone = Mars/Olympus: is no IANA time zone"],
    ),
    (PATH, f"{PATH}    time_zone: right/UTC\n", [":5 exposures[0].time_zone = right/UTC: is no IANA time zone"]),
    ("unit: uid, ", "", [":5 exposures[0].columns.unit: is missing"]),
    ("variant: arm", "variant: 5", [':5 exposures[0].columns.variant = 5: must be text; put it in quotes: "…"']),
    ("variant: arm", "variant: ''", [":5 exposures[0].columns.variant = : must not be empty"]),
    (
        "[country, platform]", "Land",
        [
            ":6 exposures[0].attributes = Land: must be a list of column names, e.g. [Land], or a mapping of name to "
            "raw column"
        ],
    ),
    ("[country, platform]", "[country, country]", [":6 exposures[0].attributes: names 'country' twice"]),
    (
        "[country, platform]", "[country, Unit]",
        [":6 exposures[0].attributes.Unit: is a canonical name; map it under columns or give it another name"],
    ),
    (
        "[country, platform]", "[country, is_bot]",
        [":7 exposures[0].properties.is_bot = boolean: is already in attributes (case does not matter)"],
    ),
    (
        "[country, platform]", "[country, 5]",
        [":6 exposures[0].attributes: must be a list of column names, or a mapping of name to raw column"],
    ),
    (
        "[country, platform]", "{country: geo.country, 'a.b': x}",
        [
            ":6 exposures[0].attributes.a.b = x: must contain neither '.' nor '`';"
            " to read such a column, give it another name"
        ],
    ),
    (
        "pieces: int", "pieces: decimal(40,2)",
        [
            ":15 events[0].properties.pieces = decimal(40,2): is no Spark SQL type:"
            " a number from 1 to 38 expected, not '40'"
        ],
    ),
    (
        "{type: string, column: raw_label}", "{tpye: string, column: raw_label}",
        [
            ":17 events[0].properties.label.tpye: unknown key; did you mean 'type'? [type, column]",
            ":17 events[0].properties.label.type: is missing",
        ],
    ),
    (
        "filter: not is_bot", "filter: is_bto",
        [
            ":8 exposures[0].filter = is_bto: 'is_bto' is no column of the source; did you mean 'is_bot'?"
            " [experiment, unit, variant, time, event_id, country, platform, is_bot]"
        ],
    ),
    (
        "filter: not is_bot", "filter: country",
        [":8 exposures[0].filter = country: is text, not a condition [an expression that is true or false]"],
    ),
    (
        "value: eur}", "value: eur, variant: arm}",
        [":13 events[0].columns.variant = arm: a variant without its experiment says nothing: map experiment too"],
    ),
    (
        "    path: /lake/orders\n", "    path: /lake/orders\n    complete_until: -2h\n",
        [":13 events[0].complete_until = -2h: must not be negative"],
    ),
    (
        "    path: /lake/orders\n", "    path: /lake/orders\n    complete_until: 2 hours\n",
        [
            f":13 events[0].complete_until = 2 hours: {DURATION},"
            " or an ISO time with its offset such as 2026-10-01T00:00:00Z"
        ],
    ),
    (
        "    path: /lake/orders\n", "    path: /lake/orders\n    copies_within: -2h\n",
        [":13 events[0].copies_within = -2h: must not be negative"],
    ),
    (
        "    path: /lake/orders\n", "    path: /lake/orders\n    copies_within: one day\n",
        [f":13 events[0].copies_within = one day: {DURATION}"],
    ),
    (
        "    path: /lake/orders\n", "    path: /lake/orders\n    copies_within: 1d\n",
        [":13 events[0].copies_within = 1d: has no effect without columns.event_id"],
    ),
    (
        "events:", "events: {}\nevent:",
        [":9 events: must be a list", ":10 event: unknown key; did you mean 'events'? [exposures, events, dimensions]"],
    ),
]  # fmt: skip

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


@pytest.mark.parametrize(("old", "new", "told"), SOURCE_FAULTS)
def test_a_fault_of_a_source(conf: Conf, old: str, new: str, told: list[str]) -> None:
    conf.edit(WEB, old, new)
    assert [fault for fault in conf.told() if fault.startswith(WEB)] == [f"{WEB}{fault}" for fault in told]


@pytest.mark.parametrize(("old", "new", "told"), METRIC_FAULTS)
def test_a_fault_of_a_metric(conf: Conf, old: str, new: str, told: list[str]) -> None:
    conf.edit(SHOP, old, new)
    assert conf.told() == [f"{SHOP}{fault}" for fault in told]
