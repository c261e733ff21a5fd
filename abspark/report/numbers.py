"""Numbers as people read them. A number is rounded once, here, for the page, the pictures and the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from abspark import naming

UNDEFINED: Final = "—"
GAP: Final = " … "


def number(value: float | None) -> str:
    """Five significant digits, thousands separated."""
    return UNDEFINED if value is None else f"{value:,.5g}"


def signed(value: float | None) -> str:
    """Four significant digits with their sign."""
    return UNDEFINED if value is None else f"{value:+,.4g}"


def count(value: int | None) -> str:
    """A whole number, thousands separated."""
    return UNDEFINED if value is None else f"{value:,d}"


def size(value: float | None) -> str:
    """Bytes with two or three digits and a unit of 1,000."""
    if value is None:
        return UNDEFINED
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 9.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.0f} PB"


def decimal(value: float | None) -> str:
    """One decimal, thousands separated."""
    return UNDEFINED if value is None else f"{value:,.1f}"


def percent(value: float | None) -> str:
    """A change in per cent, with its sign."""
    return UNDEFINED if value is None else f"{value:+.2%}"


def share(value: float | None) -> str:
    """A share of a whole in per cent."""
    return UNDEFINED if value is None else f"{value:.1%}"


def short_percent(value: float | None) -> str:
    """A configured share in per cent, with no more digits than it has."""
    return UNDEFINED if value is None else f"{value * 100:.4g} %"


def probability(value: float | None) -> str:
    """A probability in per cent, never rounded to certainty."""
    return UNDEFINED if value is None else naming.probability(value)


def p_value(value: float | None) -> str:
    """Four decimals; two digits where that would be 0."""
    if value is None:
        return UNDEFINED
    return f"{value:.4f}" if value >= 1e-4 or value == 0 else f"{value:.1e}"


def percent_interval(low: float | None, high: float | None) -> str:
    """Both ends in per cent; an open end of a one-sided interval is named as such."""
    return (
        UNDEFINED if low is None and high is None else GAP.join(_end(end, "{:+.2%}") for end in (low, high))
    )


def interval(low: float | None, high: float | None) -> str:
    """Both ends with four significant digits."""
    return (
        UNDEFINED if low is None and high is None else GAP.join(_end(end, "{:+,.4g}") for end in (low, high))
    )


def level(alpha: float) -> str:
    """The level of an interval."""
    return short_percent(1 - alpha)


def common_level(alphas: Iterable[float]) -> str:
    """The level of several intervals; empty where it is not the same."""
    levels = {level(alpha) for alpha in alphas}
    return levels.pop() if len(levels) == 1 else ""


def _end(value: float | None, form: str) -> str:
    return "open" if value is None else form.format(value)
