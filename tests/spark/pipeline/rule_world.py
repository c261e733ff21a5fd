"""One world in which each unit stands for a rule; its name says which."""

from __future__ import annotations

from typing import Any

from world import Experiment, Log, Metric, RawRow, Rule, World

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_790_812_800_000_000  # 2026-10-01T00:00:00Z
AS_OF = START + 20 * DAY
LONG_ID = "ü" * 2048  # 4 KiB in UTF-8
SHOWN = START + 2 * DAY
"""When most units are first exposed."""


def seen(unit: str | None, at: int | None, variant: str | None = "control", **given: Any) -> RawRow:
    blank = {"experiment": "red", "event_id": None, "country": None, "platform": None, "flag": True}
    return blank | {"unit": unit, "time": at, "variant": variant} | given


def did(unit: str | None, at: int | None, value: float | None = 1.0, **given: Any) -> RawRow:
    blank = {
        "event": "buy",
        "event_id": None,
        "quantity": 2,
        "flag": True,
        "experiment": None,
        "variant": None,
    }
    return blank | {"unit": unit, "time": at, "value": value} | given


def _product(row: RawRow) -> int | None:
    number = row["quantity"] * row["quantity"] if row["quantity"] is not None else None
    return number if number is not None and -(2**31) <= number < 2**31 else None


def _share(row: RawRow) -> float | None:
    if row["value"] is None or not row["quantity"]:
        return None
    return row["value"] / row["quantity"]


def _as_number(row: RawRow) -> float | None:
    try:
        return float(row["event"])
    except (TypeError, ValueError):
        return None


FLAGGED = Rule("flag", lambda row: row["flag"])
BUYS = Rule("event = 'buy'", lambda row: None if row["event"] is None else row["event"] == "buy")
NOT_BUYS = Rule("not (event = 'buy')", lambda row: None if row["event"] is None else row["event"] != "buy")
VALUE = Rule("value", lambda row: row["value"])
PRODUCT = Rule("quantity * quantity", _product)
SHARE = Rule("value / quantity", _share)
NUMBER = Rule("cast(event as double)", _as_number)
NEVER = Rule("event = 'never'", lambda row: None if row["event"] is None else row["event"] == "never")

METRICS = (
    Metric("bought", "actions", 0, 7 * DAY, where=BUYS, binary=True),
    Metric("buys", "actions", 0, 7 * DAY, where=BUYS),
    Metric("spent", "actions", 0, 7 * DAY, where=BUYS, value=VALUE),
    Metric("late_spent", "actions", DAY, 3 * DAY, where=BUYS, value=VALUE),
    Metric("spent_before", "actions", -2 * DAY, 0, value=VALUE),
    Metric("others", "actions", 0, 9 * DAY, where=NOT_BUYS, complete_only=True),
    Metric("product", "actions", 0, 7 * DAY, where=BUYS, value=PRODUCT),
    Metric("share", "actions", 0, 7 * DAY, where=BUYS, value=SHARE),
    Metric("number", "actions", 0, 7 * DAY, value=NUMBER),
    Metric("orders", "orders", 0, 7 * DAY, where=BUYS),
    Metric("ordered", "orders", 0, 7 * DAY, where=BUYS, value=VALUE),
    Metric("credits", "credits", 0, 7 * DAY, complete_only=True),
)
EXPERIMENTS = (
    Experiment(
        "red", ("control", "treatment"), START, START + 10 * DAY,
        ("bought", "buys", "spent", "late_spent", "spent_before", "others", "product", "share", "number",
         "orders", "ordered", "credits"),
        "screens", segments=("country",),
    ),
    Experiment(
        "blue", ("a", "b", "c"), START + DAY, START + 40 * DAY, ("bought", "spent", "credits"), "screens",
        first_wins=True, segments=("platform", "country"),
    ),
    Experiment("wide", ("v0", "v1", "v2", "v3", "v4"), START, START + 5 * DAY, ("others", "orders"), "screens"),
    Experiment("green", ("control", "treatment"), START, START + 10 * DAY, ("buys", "ordered"), "calls"),
)  # fmt: skip

EXPOSURES = [
    # Which rows are read at all.
    seen(None, SHOWN), seen("", SHOWN), seen("no_time", None), seen("elsewhere", SHOWN, experiment="mauve"),
    seen("elsewhere", SHOWN, experiment=None), seen("other_log", SHOWN, experiment="green"),
    seen("false_flag", SHOWN, flag=False), seen("null_flag", SHOWN, flag=None),
    seen("unknown", SHOWN, "purple"), seen("unknown", SHOWN, None),
    seen("unknown_then_known", SHOWN - DAY, "purple"), seen("unknown_then_known", SHOWN, "treatment"),
    seen(None, None, "purple", experiment="mauve"), seen("no_time_elsewhere", None, experiment="mauve"),
    # Bounds of the interval and of as_of.
    seen("too_early", START - 1), seen("at_start", START), seen("at_last", START + 10 * DAY - 1, "treatment"),
    seen("at_end", START + 10 * DAY), seen("before_as_of", AS_OF - 1, "b", experiment="blue"),
    seen("at_as_of", AS_OF, "b", experiment="blue"), seen("early_then_valid", START - 1, "treatment"),
    seen("early_then_valid", START + 1, "control"), seen("late_unknown", AS_OF, "?", experiment="blue"),
    # Several exposures; the kept one never comes first.
    seen("thrice", SHOWN + 2, country="late"), seen("thrice", SHOWN + 1, country="mid"),
    seen("thrice", SHOWN, country="first"),
    seen("id_decides", SHOWN, event_id="e2", country="A"), seen("id_decides", SHOWN, event_id="e1", country="Z"),
    seen("id_before_null", SHOWN, country="A"), seen("id_before_null", SHOWN, event_id="e9", country="Z"),
    seen("attributes_decide", SHOWN, event_id="e1", country=None, platform="A"),
    seen("attributes_decide", SHOWN, event_id="e1", country="Z", platform="B"),
    seen("attributes_decide", SHOWN, event_id="e1", country="Z", platform=None),
    seen("attributes_alone", SHOWN, platform="A"), seen("attributes_alone", SHOWN, country="Z"),
    seen("later_id", SHOWN + 1, event_id="e0", country="A"), seen("later_id", SHOWN, event_id="e1", country="Z"),
    # Several variants.
    seen("several", SHOWN + 5, "control"), seen("several", SHOWN + 3, "treatment"),
    seen("several", SHOWN + 9, "control"), seen("several", SHOWN, "treatment"),
    seen("several_blue", SHOWN + 1, "a", experiment="blue"), seen("several_blue", SHOWN + 1, "b", experiment="blue"),
    seen("several_blue", SHOWN, "c", experiment="blue"),
    seen("tied", SHOWN, "treatment", country="B"), seen("tied", SHOWN, "control", country="C"),
    seen("tied_blue", SHOWN, "c", experiment="blue"), seen("tied_blue", SHOWN, "b", experiment="blue"),
    seen("tied_blue", SHOWN + 7, "a", experiment="blue"),
    seen("fifth", SHOWN, "v4", experiment="wide"), seen("fifth", SHOWN + 4, "v4", experiment="wide"),
    seen("fifth", SHOWN, "c", experiment="blue", platform="ios"),
    # Ids.
    seen(LONG_ID, SHOWN, "treatment"), seen("日本語 🎉", SHOWN, "treatment"), seen("7", SHOWN), seen("007", SHOWN),
    seen("case", SHOWN), seen("CASE", SHOWN, "treatment"), seen("space", SHOWN), seen("space ", SHOWN, "treatment"),
    # Units for the events below.
    *(seen(unit, SHOWN, "treatment", country="DE") for unit in (
        "bounds", "wheres", "values", "texts", "duplicates", "carried", "empty", "many", "same_ids", "both_logs",
    )),
    seen("windows_end", START + 10 * DAY - 1), seen("many", SHOWN + DAY, "b", experiment="blue", platform="web"),
    seen("many", SHOWN + 2 * DAY, "v3", experiment="wide"), seen("carried", SHOWN, "a", experiment="blue"),
    seen("complete", START + 8 * DAY), seen("incomplete", START + 8 * DAY + 1),
]  # fmt: skip
CALLS = [
    seen("many", SHOWN + 1, "treatment", experiment="green"), seen("many", SHOWN, "control", experiment="green"),
    seen("alone", SHOWN, "treatment", experiment="green"), seen("at_start", SHOWN, experiment="red"),
    seen("both_logs", SHOWN, "treatment", experiment="green"),
]  # fmt: skip

ACTIONS = [
    # Bounds of the windows: late_spent is [1d, 3d), spent [0, 7d), spent_before [-2d, 0).
    did("bounds", SHOWN - 2 * DAY - 1, 1.0), did("bounds", SHOWN - 2 * DAY, 2.0), did("bounds", SHOWN - 1, 4.0),
    did("bounds", SHOWN, 8.0), did("bounds", SHOWN + DAY - 1, 16.0), did("bounds", SHOWN + DAY, 32.0),
    did("bounds", SHOWN + 3 * DAY - 1, 64.0), did("bounds", SHOWN + 3 * DAY, 128.0),
    did("bounds", SHOWN + 7 * DAY - 1, 256.0), did("bounds", SHOWN + 7 * DAY, 512.0),
    did("bounds", SHOWN + 9 * DAY, 1024.0), did("windows_end", START + 17 * DAY - 2, 3.0),
    did("windows_end", START + 17 * DAY - 1, 5.0), did("before_as_of", AS_OF - 1, 7.0),
    did("before_as_of", AS_OF, 9.0),
    # A condition that is NULL, and one whose negation is NULL too.
    did("wheres", SHOWN, event=None), did("wheres", SHOWN, event="look"), did("wheres", SHOWN),
    did("wheres", SHOWN, 50.0, flag=False), did("wheres", SHOWN, 60.0, flag=None),
    # Values that are none.
    did("values", SHOWN, None), did("values", SHOWN, float("nan")), did("values", SHOWN, float("inf")),
    did("values", SHOWN, float("-inf")), did("values", SHOWN, 2e150), did("values", SHOWN, -1.7e308),
    did("values", SHOWN, 1.5, quantity=0),
    did("values", SHOWN, 2.5, quantity=None),
    did("values", SHOWN, -4.0, quantity=46_341), did("values", SHOWN, 0.0, quantity=-46_340),
    did("texts", SHOWN, None, event="12.5"), did("texts", SHOWN, None, event="12,5"),
    did("texts", SHOWN, None, event="NaN"),
    did("texts", SHOWN, None, event=" 7 "), did("texts", SHOWN, None, event="1e400"),
    # Rows without an id are counted as often as they are there.
    did("duplicates", SHOWN, 3.0), did("duplicates", SHOWN, 3.0),
    # One event counts for every experiment of its unit, for each by its own window.
    did("many", SHOWN, 1.0), did("many", SHOWN + DAY, 2.0), did("many", SHOWN + 7 * DAY, 4.0),
    did("many", SHOWN + 2 * DAY, 8.0, event="look"),
    # Which rows are read at all.
    did(None, SHOWN), did("", SHOWN), did("many", None), did("nobody", SHOWN), did("alone", SHOWN, 0.5),
    did("several", SHOWN), did("tied", SHOWN), did("tied_blue", SHOWN), did("several_blue", SHOWN + 1, 6.0),
    did("fifth", SHOWN, 11.0), did("many", START - 9 * DAY, 1.0), did("nobody", START - 9 * DAY, 1.0),
    did(LONG_ID, SHOWN, 21.0), did("日本語 🎉", SHOWN, 22.0), did("7", SHOWN, 23.0), did("007", SHOWN, 24.0),
    did("case", SHOWN, 25.0), did("CASE", SHOWN, 26.0), did("space", SHOWN, 27.0), did("space ", SHOWN, 28.0),
    did("complete", START + 9 * DAY, event="look"), did("incomplete", START + 9 * DAY, event="look"),
]  # fmt: skip
ORDERS = [
    # The earliest row of an id counts, also where it counts for nothing.
    did("duplicates", SHOWN + 9, 10.0, event_id="o1"), did("duplicates", SHOWN + 5, 20.0, event_id="o1"),
    did("duplicates", SHOWN + 7, 30.0, event_id="o1"),
    did("duplicates", SHOWN, 200.0, event_id="o2"), did("duplicates", SHOWN, 100.0, event_id="o2"),
    did("duplicates", SHOWN, None, event_id="o2"),
    did("duplicates", SHOWN + 1, 1000.0, event_id="o3"), did("duplicates", SHOWN, event="look", event_id="o3"),
    did("duplicates", SHOWN + 1, 4000.0, event_id="o4"), did("duplicates", SHOWN - 1, 4000.0, event_id="o4"),
    did("duplicates", SHOWN + 1, 8000.0, event_id="o5"), did("duplicates", SHOWN, None, event_id="o5"),
    did("duplicates", SHOWN + 1, 16_000.0, event_id="o6"), did("duplicates", SHOWN, 1.0, event_id="o6", flag=False),
    did("duplicates", SHOWN, 0.25), did("duplicates", SHOWN, 0.25), did("duplicates", SHOWN, 0.5, event_id=""),
    did("duplicates", SHOWN, 0.5, event_id=""), did("duplicates", START - 99 * DAY, 7.0, event_id="o7"),
    did("duplicates", SHOWN, 64_000.0, event_id="o7"), did("duplicates", -5, 7.0, event_id="o8"),
    did("duplicates", SHOWN, 128_000.0, event_id="o8"),
    # Of two copies at one instant the smaller value counts, also where no metric wants that copy.
    did("duplicates", SHOWN, 500.0, event_id="o10"), did("duplicates", SHOWN, 250.0, event="look", event_id="o10"),
    # The same id of another unit is another event.
    did("same_ids", SHOWN, 1.0, event_id="o1"), did("same_ids", START + 99 * DAY, 9.0, event_id="o1"),
    did("same_ids", START + 19 * DAY, 2.0, event_id="o9"), did("nobody", SHOWN, 1.0, event_id="o1"),
    did("both_logs", SHOWN, 2.0, event_id="o1"), did("both_logs", SHOWN + 6 * DAY, 3.0, event_id="o2"),
    did("alone", SHOWN, event="look", event_id="o1"), did("alone", SHOWN, float("nan"), event_id="o2"),
]  # fmt: skip
CREDITS = [
    did("carried", SHOWN, experiment="red", variant="treatment"),
    did("carried", SHOWN, experiment="red", variant="control"),
    did("carried", SHOWN, experiment="red", variant=None), did("carried", SHOWN, experiment="red", variant="unheard"),
    did("carried", SHOWN, experiment="blue", variant="a"), did("carried", SHOWN, experiment="blue", variant="b"),
    did("carried", SHOWN, experiment="mauve", variant="a"), did("carried", SHOWN, experiment=None, variant=None),
    did("carried", SHOWN, experiment="wide", variant="v0"), did("many", SHOWN + DAY, experiment="blue", variant="b"),
    did("many", SHOWN, experiment="blue", variant="b"), did("several", SHOWN, experiment="red", variant="treatment"),
    did("several", SHOWN, experiment="red", variant="control"), did("fifth", SHOWN, experiment="wide", variant="v4"),
    did("several_blue", SHOWN, experiment="blue", variant="c"),
    did("nobody", SHOWN, experiment="red", variant="control"),
    # A unit whose window is not over brings nothing to a metric of complete units, though its event is kept.
    did("before_as_of", AS_OF - 1, experiment="blue", variant="b"),
    # One event, a row for each experiment; of each the earliest counts.
    did("carried", SHOWN, experiment="red", variant="treatment", event_id="c1"),
    did("carried", SHOWN, experiment="blue", variant="a", event_id="c1"),
    did("carried", SHOWN + 1, experiment="blue", variant="a", event_id="c1"),
    did("carried", SHOWN, experiment="mauve", variant="a", event_id="c1"),
]  # fmt: skip

WORLD = World(
    EXPERIMENTS,
    METRICS,
    (
        Log(
            "screens", EXPOSURES, passes=FLAGGED, has_event_id=True, attributes=("country", "platform"),
            properties=("flag",), carries_experiment=True,
        ),
        Log("calls", CALLS, carries_experiment=True),
    ),
    (
        Log("actions", ACTIONS, passes=FLAGGED, properties=("quantity", "flag")),
        Log("orders", ORDERS, passes=FLAGGED, properties=("flag",), has_event_id=True,
            complete_until=START + 15 * DAY),
        Log("credits", CREDITS, has_event_id=True, carries_experiment=True, carries_variant=True,
            complete_until=START + 99 * DAY),
    ),
    AS_OF,
)  # fmt: skip
