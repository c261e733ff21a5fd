"""A metric of every kind and option, over any three event logs, on any scale of time."""

from __future__ import annotations

from typing import NamedTuple

from world import Feed, Metric, RawRow, Rule, Trigger, Window


def _is(name: str) -> Rule:
    return Rule(f"event = '{name}'", lambda row: None if row["event"] is None else row["event"] == name)


def _event(row: RawRow) -> str | None:
    return row["event"]


BUY, LOOK = _is("buy"), _is("look")
VALUE = Rule("value", lambda row: row["value"])
EVENT = Rule("event", _event)


ATTRIBUTE = "age"
"""An attribute that every exposure log needs."""


class Logs(NamedTuple):
    """Names of three event logs; every row has an event and a value."""

    first: str
    second: str
    third: str


def kind_metrics(logs: Logs, h: int) -> tuple[Metric, ...]:
    """`h` is the step of which all windows are multiples."""
    return (*_sums(logs, h), *_others(logs, h), *_ratios(logs, h), *_triggered(logs, h))


def _sums(logs: Logs, h: int) -> tuple[Metric, ...]:
    a, b, c = logs
    return (
        Metric("any", a, 0, 2 * h, BUY, binary=True, lookback=2 * h),
        Metric("late", a, h, 3 * h, BUY, complete_only=True),
        Metric("capped", a, 0, 2 * h, value=VALUE, high=2.0, lookback=h),
        Metric("raised", b, 0, 3 * h, BUY, VALUE, low=1.5, high=3.0, lookback=2 * h, covariate="elsewhere"),
        Metric("whole", b, 0, 2 * h, BUY, VALUE, complete_only=True, lookback=2 * h),
        Metric("open", a, h, None, value=VALUE),
        Metric("open_whole", b, 0, None, value=VALUE, complete_only=True),
        Metric("open_late", c, 0, None, BUY, binary=True),
        Metric("campaign", a, h, 4 * h, anchor="experiment_start"),
        Metric("campaign_whole", b, 0, 3 * h, complete_only=True, anchor="experiment_start", lookback=h),
        Metric("before", a, -h, 0, complete_only=True),
        Metric("long_before", c, -2 * h, -h, complete_only=True),
        Metric("back", a, h, 2 * h, LOOK, kind="retention", lookback=2 * h),
        Metric("credits", c, 0, 2 * h, lookback=2 * h),
        Metric("aged", b, 0, 2 * h, value=VALUE, attribute=ATTRIBUTE),
        Metric("aged_most", a, 0, h, value=VALUE, kind="max", attribute=ATTRIBUTE),
    )


def _others(logs: Logs, h: int) -> tuple[Metric, ...]:
    a, b, c = logs
    return (
        Metric("names", a, 0, 2 * h, value=EVENT, kind="distinct", lookback=2 * h, covariate="any"),
        Metric("names_whole", b, 0, h, value=EVENT, kind="distinct", complete_only=True, high=1.0),
        Metric("numbers", c, 0, 2 * h, value=VALUE, kind="distinct"),
        Metric("least", a, 0, 2 * h, value=VALUE, kind="min", low=0.5),
        Metric("most", b, 0, 2 * h, BUY, VALUE, complete_only=True, kind="max", lookback=h, covariate="late"),
        Metric("last", a, 0, 3 * h, value=VALUE, complete_only=True, kind="latest", high=2.0),
        Metric("wait", a, 0, 2 * h, BUY, kind="time_to"),
        Metric("wait_late", b, h, 3 * h, kind="time_to", lookback=h, covariate="elsewhere"),
        Metric("path", a, 0, 2 * h, kind="funnel", steps=(Feed(a, LOOK), Feed(a, BUY), Feed(a, BUY))),
        Metric("path_whole", a, 0, 3 * h, kind="funnel", complete_only=True,
            steps=(Feed(a), Feed(b, BUY), Feed(c))),
    )  # fmt: skip


def _ratios(logs: Logs, h: int) -> tuple[Metric, ...]:
    a, b, _ = logs
    return (
        Metric("per_look", a, 0, 2 * h, kind="ratio", lookback=2 * h, numerator=Feed(b, BUY, VALUE),
            denominator=Feed(a, LOOK)),
        Metric("per_name", a, 0, 2 * h, kind="ratio", numerator=Feed(a, BUY, VALUE),
            denominator=Feed(a, key=EVENT)),
        Metric("two_windows", a, 0, h, kind="ratio", complete_only=True,
            numerator=Feed(a, value=VALUE, window=Window(0, h)), denominator=Feed(b, window=Window(0, 3 * h))),
        Metric("half_open", a, 0, h, kind="ratio", complete_only=True, numerator=Feed(a, BUY),
            denominator=Feed(b, window=Window(0, None))),
    )  # fmt: skip


def _triggered(logs: Logs, h: int) -> tuple[Metric, ...]:
    a, b, c = logs
    looked, ever = Trigger(Feed(a, LOOK), 2 * h), Trigger(Feed(b, BUY))
    return (
        Metric("after_look", a, 0, 2 * h, BUY, binary=True, trigger=looked, lookback=h),
        Metric("after_buy", a, h, 2 * h, value=VALUE, complete_only=True, trigger=ever, low=0.5),
        Metric("least_after", a, 0, 2 * h, value=VALUE, kind="min", trigger=looked),
        Metric("rate_after", a, 0, 2 * h, kind="ratio", trigger=ever, numerator=Feed(a, BUY),
            denominator=Feed(c), lookback=2 * h),
        Metric("wait_after", c, 0, h, kind="time_to", trigger=looked),
    )  # fmt: skip


def quantile_metrics(logs: Logs, h: int) -> tuple[Metric, ...]:
    """Quantiles of units and of events, and quantile caps: of either tail, of units with a number or of all."""
    a, b, c = logs
    looked = Trigger(Feed(a, LOOK), 2 * h)
    return (
        Metric("median", a, 0, 2 * h, value=VALUE, kind="quantile", quantile=0.5),
        Metric("often", b, 0, 2 * h, kind="quantile", quantile=0.9, complete_only=True),
        Metric("seldom", c, 0, 3 * h, BUY, kind="quantile", quantile=0.1, trigger=looked),
        Metric("slow", a, 0, 2 * h, value=VALUE, kind="quantile", quantile=0.75, of="events"),
        Metric(
            "slow_whole",
            b,
            -h,
            3 * h,
            BUY,
            VALUE,
            kind="quantile",
            quantile=0.2,
            of="events",
            complete_only=True,
        ),
        Metric(
            "slow_after", a, 0, h, value=VALUE, kind="quantile", quantile=0.6, of="events", trigger=looked
        ),
        Metric(
            "trimmed", a, 0, 2 * h, value=VALUE, low_quantile=0.1, high_quantile=0.8, over="all", lookback=h
        ),
        Metric(
            "trimmed_after",
            a,
            0,
            h,
            value=VALUE,
            low_quantile=0.1,
            high_quantile=0.7,
            over="all",
            trigger=looked,
        ),
        Metric("topped", b, 0, 3 * h, BUY, VALUE, high_quantile=0.6),
        Metric("topped_whole", a, 0, 2 * h, high_quantile=0.55, complete_only=True),
        Metric(
            "floored", a, 0, 2 * h, value=VALUE, kind="max", low_quantile=0.3, over="all", complete_only=True
        ),
        Metric(
            "between",
            a,
            0,
            3 * h,
            value=VALUE,
            kind="latest",
            low=-50.0,
            high_quantile=0.7,
            attribute=ATTRIBUTE,
        ),
    )


def elsewhere(logs: Logs, h: int) -> Metric:
    """A metric that no experiment has, for covariates."""
    return Metric("elsewhere", logs.third, 0, h, value=VALUE)
