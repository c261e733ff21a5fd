"""The options of `abspark power` as a plan: what they may say together, and the baseline that they name in the lake."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abspark.errors import UsageError
from abspark.power_plan import Plan

if TYPE_CHECKING:
    from abspark.stats.power import Design
    from abspark.stats.spending import Spending

_LAKE = ("conf", "env", "experiment", "metric")
_ALPHA_BELOW = 0.5
_MOST_LOOKS = 100
_MOST_UNITS = 1e15
_NAMES = {"target": "power"}
"""Options whose parameter has another name."""
_POSITIVE = ("sd", "mean", "margin", "units", "units_per_day")


def plan_of(options: dict[str, Any]) -> Plan:
    """What the options say, with the baseline of the lake in place of assumptions where they name one.

    Raises:
        UsageError: They say nothing together, or what they name is not there.
    """
    return _plan(_measured(options))


def _measured(options: dict[str, Any]) -> dict[str, Any]:
    """The options with the baseline of the lake in place of assumptions, where they name one."""
    lake = {name: options[name] for name in _LAKE}
    rest = {name: value for name, value in options.items() if name not in _LAKE}
    if all(value is None for value in lake.values()):
        return rest
    if lake["env"] is None or lake["experiment"] is None or lake["metric"] is None:
        raise UsageError("a baseline from the lake needs --env, --experiment and --metric")
    if any(rest[name] is not None for name in ("rate", "mean", "sd")):
        raise UsageError(
            "the baseline is measured or assumed: leave out --rate, --mean and --sd, or --metric"
        )
    from abspark.baseline import read_baseline

    conf = Path("conf") if lake["conf"] is None else lake["conf"]
    found, direction = read_baseline(conf, lake["env"], experiment=lake["experiment"], metric=lake["metric"])
    if rest["direction"] is None and rest["effect"] is None:
        rest["direction"] = "increase" if direction > 0 else "decrease"
    if rest["variance_reduction"] is not None:
        found.pop("variance_reduction", None)
    return rest | found


def _inflation(options: dict[str, Any], design: Design) -> float:
    """As given, or that of a group sequential design at the power wanted (at 80 % where power is asked for)."""
    if options["looks"] is None:
        return 1.0 if options["inflation"] is None else float(options["inflation"])
    import numpy as np

    from abspark.stats.group_sequential import Plan as Sequence
    from abspark.stats.sequential_design import Futility, inflation_factor

    fraction = np.arange(1, options["looks"] + 1) / options["looks"]
    plan = Sequence(_spending(options, "spending"), design.alpha / design.comparisons, design.sides)
    power = options["target"] or 0.8
    futility = None if options["futility"] is None else Futility(_spending(options, "futility"), 1 - power)
    (factor,) = inflation_factor(fraction, plan=plan, power=power, futility=futility)
    if math.isnan(factor):
        raise UsageError("no number of units has that power at so many looks", advice="give fewer --looks")
    return max(1.0, float(factor))


def _spending(options: dict[str, Any], option: str) -> Spending:
    """The function that an option names, its parameter after a colon."""
    from abspark.stats.spending import Spending

    given = options[option] or "obf"
    family, colon, parameter = given.partition(":")
    try:
        return Spending(family, float(parameter) if colon else None)
    except ValueError:
        raise UsageError(
            f"--{option} {given} is no spending function",
            allowed="obf, pocock, power:RHO with 0 < RHO < 50, or hsd:GAMMA with -40 < GAMMA < 40",
        ) from None


def _plan(options: dict[str, Any]) -> Plan:
    from abspark.stats.power import Design

    _check(options)
    alpha, sides = options["alpha"], options["sides"]
    with_margin = options["margin"] is not None
    level = 0.05 if alpha is None else alpha
    try:
        design = Design(
            # a guardrail is tested one-sided at alpha / 2
            alpha=level,
            sides=2 if with_margin or sides is None else int(sides),
            share_control=options["share_control"],
            share_treatment=options["share_treatment"],
            comparisons=options["comparisons"],
            variance_reduction=options["variance_reduction"] or 0.0,
            share_with_value=options.get("share_with_value", 1.0),
        )
        design = replace(design, inflation=_inflation(options, design))
    except ValueError as error:
        raise UsageError(str(error), advice="abspark power --help") from None
    units = options["units"]
    fewest = 2 * design.units_per_counted / min(design.share_control, design.share_treatment)
    if units is not None and units < fewest:
        raise UsageError(f"{units:g} units leave a variant with fewer than two", advice="give more --units")
    same = ("rate", "mean", "sd", "effect", "margin", "units", "units_per_day", "window_days")
    return Plan(
        **{name: options[name] for name in same},
        direction=-1 if options["direction"] == "decrease" else 1,
        power=0.8 if options["target"] is None else options["target"],
        design=design,
    )


def _check(options: dict[str, Any]) -> None:
    """Refuse combinations that mean nothing, or hold an option that would have no effect."""
    given = {name for name, value in options.items() if value is not None}
    faults: list[tuple[bool, str]] = [
        (("rate" in given) == ("mean" in given), "exactly one of --rate and --mean must be given"),
        (("sd" in given) != ("mean" in given), "--mean and --sd go together"),
        ({"effect", "margin"} <= given, "--effect and --margin ask different questions: give one"),
        ({"effect", "direction"} <= given, "--effect has its own sign: leave out --direction"),
        ({"margin", "sides"} <= given, "--margin is one-sided at alpha / 2: leave out --sides"),
        ("margin" in given and options["comparisons"] != 1,
         "--margin is of a guardrail, whose alpha is not split: leave out --comparisons"),
        (options["window_days"] != 0 and "units_per_day" not in given, "--window-days needs --units-per-day"),
        (options["window_days"] < 0, "--window-days must not be below 0"),
        (options["effect"] == 0, "--effect must not be 0"),
        ({"looks", "inflation"} <= given, "--looks gives the inflation: leave out --inflation"),
        *((name in given and "looks" not in given, f"--{name} needs --looks") for name in ("spending", "futility")),
        ({"margin", "futility"} <= given, "--futility is about primary metrics, --margin about guardrails: give one"),
        ("looks" in given and not 1 <= (options["looks"] or 0) <= _MOST_LOOKS, f"--looks must be 1 to {_MOST_LOOKS}"),
        ("rate" in given and not 0 < (options["rate"] or 0) < 1, "--rate must lie between 0 and 1"),
        ("alpha" in given and not 0 < (options["alpha"] or 0) < _ALPHA_BELOW,
         f"--alpha = {options['alpha']} is out of range: above 0 and below {_ALPHA_BELOW}"),
        ("variance_reduction" in given and not 0 <= (options["variance_reduction"] or 0) < 1,
         "--variance-reduction must be at least 0 and below 1"),
        ("inflation" in given and (options["inflation"] or 0) < 1, "--inflation must be at least 1"),
        ("target" in given and not 0 < (options["target"] or 0) < 1, "--power must lie between 0 and 1"),
        ("units" in given and "target" in given and bool({"effect", "margin"} & given),
         "--units with --effect or --margin gives the power: leave out --power"),
        (options["margin"] is not None and options["margin"] >= 1 and options["direction"] != "decrease",
         "--margin must be below 1 where more is better"),
        ("units" in given and (options["units"] or 0) > _MOST_UNITS, f"--units must be at most {_MOST_UNITS:g}"),
        *(
            (name in given and not options[name] > 0, f"--{name.replace('_', '-')} must be above 0")
            for name in _POSITIVE
        ),
    ]  # fmt: skip
    faults += [
        (
            isinstance(value, float) and not math.isfinite(value),
            f"--{_NAMES.get(name, name.replace('_', '-'))} must be a finite number",
        )
        for name, value in options.items()
    ]
    told = [message for broken, message in faults if broken]
    if told:
        raise UsageError("\n".join(told), advice="abspark power --help")
