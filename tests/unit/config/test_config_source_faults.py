"""Faults of sources are told with file, line, key, value and what is allowed."""

from __future__ import annotations

import pytest
from conf_directory import WEB, Conf

DURATION = "must be a duration of days, hours, minutes and seconds such as 7d, 12h, 30m, 90s or 1d12h"
PATH = "    path: raw/shown\n"
USERS = "dimensions:\n  - {name: users, format: delta, path: raw/users, columns: {unit: uid}, attributes: [plan]}\n"

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
        [":5 exposures[0].time_zone = Mars/Olympus: is no IANA time zone, as Europe/Berlin or UTC are"],
    ),
    (
        PATH, f"{PATH}    time_zone: Europe/berlin\n",
        [":5 exposures[0].time_zone = Europe/berlin: is no IANA time zone; did you mean 'Europe/Berlin'?"],
    ),
    (
        PATH, f"{PATH}    time_zone: right/UTC\n",
        [":5 exposures[0].time_zone = right/UTC: is no IANA time zone, as Europe/Berlin or UTC are"],
    ),
    *(
        (
            PATH, f"{PATH}    time_zone: {zone}\n",
            [f":5 exposures[0].time_zone = {zone}: is no IANA time zone, as Europe/Berlin or UTC are"],
        )
        for zone in ("CEST", "GMT+1", "PST", "Asia/Bombay2")
    ),
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
        "[country, platform]", "[geo.country, platform, ctx.app.os]",
        [
            ":6 exposures[0].attributes: a name has no '.': 'geo.country', 'ctx.app.os';"
            " map names to the fields, e.g. {country: geo.country, os: ctx.app.os}"
        ],
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
    *(
        (
            "filter: not is_bot", f"filter: {raw} = '1'",
            [
                f":8 exposures[0].filter = {raw} = '1': {raw!r} is no column of the source; here it is called {name!r}"
                " [experiment, unit, variant, time, event_id, country, platform, is_bot]"
            ],
        )
        for raw, name in (("ARM", "variant"), ("uid", "unit"))
    ),
    (
        "attributes: [country, platform]\n    properties: {is_bot: boolean}\n    filter: not is_bot",
        "attributes: {country: land}\n    filter: land = 'DE'",
        [
            ":7 exposures[0].filter = land = 'DE': 'land' is no column of the source; here it is called 'country'"
            " [experiment, unit, variant, time, event_id, country]"
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
        "    filter: not is_bot\n", f"    filter: not is_bot\n    dimensions: [user]\n{USERS}",
        [":9 exposures[0].dimensions[0] = user: there is no such dimension source; did you mean 'users'? [users]"],
    ),
    (
        "    filter: not is_bot\n",
        "    filter: not is_bot\n    dimensions: [users]\n" + USERS.replace("plan", "country"),
        [":2 exposures[0]: gives units two attributes named 'country'"],
    ),
    (
        "events:\n", USERS.replace("raw/users", "raw/users, fixed_time: 2026-01-01T00:00:00Z") + "events:\n",
        [
            ":10 dimensions[0].fixed_time = 2026-01-01T00:00:00Z: a dimension's rows hold always, or from valid_from on"
            " [leave it out]"
        ],
    ),
    (
        "filter: not is_bot", "filter: not is_bot\n    combinations: {both: [country, platfrom]}",
        [
            ":9 exposures[0].combinations.both: 'platfrom' is no attribute; did you mean 'platform'?"
            " [country, platform]"
        ],
    ),
    (
        "attributes: [country, platform]", "combinations: {both: [country, platform]}",
        [
            ":6 exposures[0].combinations.both: 'country' is no attribute [none is declared]",
            ":6 exposures[0].combinations.both: 'platform' is no attribute [none is declared]",
        ],
    ),
    (
        "filter: not is_bot", "filter: not is_bot\n    combinations: {both: [country, country]}",
        [":9 exposures[0].combinations.both: combines fewer than two attributes"],
    ),
    (
        "events:", "events: {}\nevent:",
        [":9 events: must be a list", ":10 event: unknown key [exposures, events, dimensions]"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), SOURCE_FAULTS)
def test_a_fault_of_a_source(conf: Conf, old: str, new: str, told: list[str]) -> None:
    conf.edit(WEB, old, new)
    assert [fault for fault in conf.told() if fault.startswith(WEB)] == [f"{WEB}{fault}" for fault in told]
