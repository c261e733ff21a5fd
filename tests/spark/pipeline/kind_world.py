"""One world for all kinds of metrics: units that each stand for a rule, and a crowd with ties at every boundary.

Days are those of Berlin, where 2026-10-25 has 25 hours, of UTC, and of Santiago.
"""

from __future__ import annotations

import random

from kind_metrics import Logs, elsewhere, kind_metrics
from rule_world import FLAGGED, did, seen
from world import Experiment, Log, RawRow, World

DAY = 86_400_000_000
HOUR = DAY // 24
START = 1_792_706_400_000_000  # 2026-10-22T22:00:00Z, midnight in Berlin
SHOWN = START + DAY
AS_OF = START + 7 * DAY + 5 * HOUR
BERLIN = (START, START + DAY, START + 2 * DAY, START + 3 * DAY + HOUR, START + 4 * DAY + HOUR)
"""Midnights."""
LOGS = Logs("actions", "orders", "credits")
METRICS = kind_metrics(LOGS, DAY)
NAMES = tuple(metric.name for metric in METRICS)
CROWD = 40


def _rules() -> dict[str, list[RawRow]]:
    """Units first exposed at SHOWN in experiment `one`; all windows are multiples of a day."""
    look, d = "look", DAY
    actions = [
        # Ends of [0, 2d), [1d, 3d) and [-2d, 0).
        did("edges", SHOWN - 2 * d - 1, 1.0), did("edges", SHOWN - 2 * d, 2.0), did("edges", SHOWN - 1, 0.25),
        did("edges", SHOWN, -8.0), did("edges", SHOWN + d - 1, 0.5), did("edges", SHOWN + d, 0.75),
        did("edges", SHOWN + 2 * d - 1, 4.0), did("edges", SHOWN + 2 * d, -16.0),
        did("edges", SHOWN + 3 * d - 1, 1.5), did("edges", SHOWN + 3 * d, -32.0),
        # The last instant has two values, and one that is none.
        did("last", SHOWN + 5, 9.0), did("last", SHOWN + 7, 1.25), did("last", SHOWN + 7, 1.5),
        did("last", SHOWN + 7, None), did("last", SHOWN + 9, float("nan")),
        # A funnel's later step may be the same event as the one before, and must not be earlier than it.
        did("path", SHOWN, event=look), did("path", SHOWN + 1), did("path", SHOWN - 1, event=look),
        did("wrong_order", SHOWN), did("wrong_order", SHOWN + 1, event=look),
        did("one_instant", SHOWN + 3, event=look), did("one_instant", SHOWN + 3),
        # The first look at or after the exposure triggers, within two days.
        did("looked", SHOWN - 1, event=look), did("looked", SHOWN + d, event=look), did("looked", SHOWN + d - 1, 7.0),
        did("looked", SHOWN + d, 5.0), did("looked", SHOWN + 3 * d - 1, 3.0), did("looked", SHOWN + 3 * d, 1.0),
        did("looked_late", SHOWN + 2 * d, event=look), did("looked_late", SHOWN + 2 * d),
        did("looked_once", SHOWN, None, event=look),
        # NULL is no name, and the same name counts once.
        did("names", SHOWN, event=None), did("names", SHOWN, event=look), did("names", SHOWN + 1, event=look),
        did("names", SHOWN + 2, event="Look"), did("names", SHOWN + 2 * d, event="other"),
        did("no_denominator", SHOWN), did("only_before", SHOWN - 1, event=look),
    ]  # fmt: skip
    orders = [
        did("edges", SHOWN, 100.0, event_id="o1"), did("edges", SHOWN - 1, 50.0, event_id="o2"),
        did("no_denominator", SHOWN, 2.0, event_id="o1"), did("looked", SHOWN, 2.0, event_id="o1", event="look"),
        did("bought", SHOWN + d, 2.0, event_id="o1"), did("bought", SHOWN + 4 * d, 2.0, event_id="o2"),
    ]  # fmt: skip
    units = {row["unit"]: None for row in (*actions, *orders)} | {"nothing": None}
    shown = [seen(unit, SHOWN, "a", experiment="one") for unit in units]
    return {"screens": shown, "actions": actions, "orders": orders, "credits": []}


def _crowd() -> dict[str, list[RawRow]]:
    """Units shown, shown again elsewhere and active at boundary instants, drawn by a fixed seed."""
    draw = random.Random(20261025)
    logs: dict[str, list[RawRow]] = {name: [] for name in ("screens", "actions", "orders", "credits")}
    for n in range(CROWD):
        unit = f"u{n}"
        for experiment, variants in (("one", "ab"), ("two", "abc"), ("three", "ab")):
            first = draw.choice([*BERLIN[:4], START + 2 * HOUR, START + 4 * DAY]) + draw.choice([-1, 0, 0, 1])
            country, age = draw.choice(["x", "y", None]), draw.choice(["20", "31.5", "NaN", "old", None])
            given = {"experiment": experiment, "country": country, "age": age}
            variant = draw.choice(variants)
            logs["screens"].append(seen(unit, first, variant, **given))
            if draw.random() < 0.6:
                again = first + draw.choice([0, 1, DAY, 2 * DAY, 3 * DAY + HOUR])
                logs["screens"].append(seen(unit, again, draw.choice(variants), **given))
            for _ in range(5):
                at = first + draw.choice([-2, -1, 0, 0, 1, 2, 3, 4]) * DAY + draw.choice([-1, 0, 0, 0, 1])
                value = draw.choice([None, float("nan"), 0.0, 1.0, 1.75, 2.5, -4.0, 0.1])
                event = draw.choice(["buy", "buy", "look", "look", None])
                log = draw.choice(["actions", "actions", "orders", "credits"])
                if log == "orders":  # rows that only a hash could tell apart would be anyone's choice
                    event = "look" if value in (None, 1.75) else "buy"
                named = {"event_id": draw.choice([None, f"o{n}", f"o{n}{at}"])} if log == "orders" else {}
                carried = {"experiment": experiment, "variant": draw.choice([variant, variant, "b"])}
                logs[log].append(did(unit, at, value, event=event, **named, **carried))
    return logs


def _world() -> World:
    rules, crowd = _rules(), _crowd()
    rows = {name: [*rules[name], *crowd[name]] for name in crowd}
    return World(
        (
            Experiment("one", ("a", "b"), START, START + 4 * DAY, NAMES, "screens", segments=("country",),
                time_zone="Europe/Berlin", since_exposure=True),
            Experiment("two", ("a", "b", "c"), START + HOUR, START + 5 * DAY, NAMES[::-1], "screens",
                first_wins=True, time_zone="America/Santiago", since_exposure=True),
            Experiment("three", ("a", "b"), START, START + 3 * DAY, NAMES[::3], "screens"),
        ),
        METRICS,
        (Log("screens", rows["screens"], passes=FLAGGED, has_event_id=True, attributes=("country", "age"),
            properties=("flag",), carries_experiment=True),),
        (
            Log("actions", rows["actions"]),
            Log("orders", rows["orders"], has_event_id=True, complete_until=START + 6 * DAY),
            Log("credits", rows["credits"], carries_experiment=True, carries_variant=True, lag=DAY + HOUR),
        ),
        AS_OF,
        (elsewhere(LOGS, DAY),),
    )  # fmt: skip


WORLD = _world()
