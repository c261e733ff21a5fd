"""`abspark power`: units, detectable effect or days of a planned comparison.

The baseline is assumed (`--rate`, `--mean`), or what a committed run measured in the control (`--experiment`,
`--metric`).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from abspark.errors import UsageError

if TYPE_CHECKING:
    from abspark.stats.power import Design, Question
    from abspark.stats.spending import Spending

Answer = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Plan:
    """What the options say. Exactly one of `rate`, and of `mean` with `sd`, is the baseline.

    `effect` and `margin` are relative to the baseline; the effect is in the metric's unit times its direction
    when it is worked with: 0.1 is ten percent more, -0.1 ten percent less.
    """

    rate: float | None
    mean: float | None
    sd: float | None
    effect: float | None
    margin: float | None
    direction: int
    units: float | None
    units_per_day: float | None
    window_days: float
    power: float
    design: Design

    @property
    def baseline(self) -> float:
        """The control's rate or mean."""
        return self.rate if self.rate is not None else float(self.mean or 0.0)

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of all units that get the control and the treatment."""
        return self.design.share_control, self.design.share_treatment

    @property
    def spread(self) -> float:
        """Standard deviation per unit."""
        return float(self.sd or 0.0) if self.rate is None else math.sqrt(self.rate * (1 - self.rate))


@click.command(name="power")
@click.option("--rate", type=float, help="Baseline of a proportion, between 0 and 1.")
@click.option("--mean", type=float, help="Baseline mean per unit; needs --sd.")
@click.option("--sd", type=float, help="Standard deviation per unit; for a ratio the linearised one.")
@click.option("--effect", type=float, help="Relative effect to detect: 0.05 is five percent more.")
@click.option("--margin", type=float, help="Non-inferiority: tolerated relative worsening, > 0.")
@click.option(
    "--direction",
    type=click.Choice(["increase", "decrease"]),
    help="Which way is better, for --margin (default increase); without --effect, which way to detect.",
)
@click.option("--units", type=float, help="Units in all variants: gives the detectable effect, or the power.")
@click.option("--units-per-day", type=float, help="New units per day in all variants: gives days.")
@click.option("--window-days", type=float, default=0.0, show_default=True, help="Longest metric window.")
@click.option(
    "--share-control", type=float, default=0.5, show_default=True, help="Share of units in control."
)
@click.option("--share-treatment", type=float, default=0.5, show_default=True, help="And in the treatment.")
@click.option("--alpha", type=float, help="Level of the experiment.  [default: 0.05]")
@click.option("--power", "target", type=float, help="Power wanted.  [default: 0.8]")
@click.option("--sides", type=click.Choice(["1", "2"]), help="Sides of the test.  [default: 2]")
@click.option("--comparisons", type=int, default=1, show_default=True, help="Alpha is split over this many.")
@click.option(
    "--variance-reduction", type=float, help="Share removed by CUPED.  [default: as measured, else 0]"
)
@click.option(
    "--inflation",
    type=float,
    help="Units of a sequential method over those at a fixed horizon.  [default: 1]",
)
@click.option(
    "--looks", type=int, help="The inflation of a group sequential method with as many equal looks."
)
@click.option(
    "--spending", help="And with this spending: obf, pocock, power:RHO or hsd:GAMMA.  [default: obf]"
)
@click.option(
    "--futility",
    help="And of giving up what is futile, which spends 1 - power by this function; non-binding.",
)
@click.option("--conf", type=click.Path(path_type=Path), help="Configuration directory.  [default: conf]")
@click.option("--env", help="Environment whose lake has the baseline.")
@click.option("--experiment", help="Take the baseline from the control of this experiment; starts Spark.")
@click.option("--metric", help="And from this metric of it.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def power(form: Literal["table", "json"], **options: Any) -> None:
    """Plan a comparison: give --effect for units, --units for the detectable effect, both for power.

    With --units-per-day the days as well. Without --experiment it starts no Java.
    """
    plan = _plan(_measured(options))
    rows = [answer(plan)]
    for doubt in _doubts(plan):
        click.echo(f"{doubt}: is that meant?", err=True)
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(map(len, rows[0]))
    for name, value in rows[0].items():
        shown = (
            f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
        )
        click.echo(f"{name:<{width}}  {'-' if shown is None else shown}")


def _doubts(plan: Plan) -> list[str]:
    """What is allowed, but hardly meant."""
    from abspark.config import doubt_of_share

    given = (("--effect", plan.effect), ("--margin", plan.margin))
    return [doubt for name, share in given for doubt in doubt_of_share(name, share, of="the baseline")]


def answer(plan: Plan) -> Answer:
    """What the plan asks for, beside what it assumed; `units` are those of all variants, with and without a value.

    Raises:
        UsageError: The options don't ask for anything, or nothing answers them.
    """
    found: Answer = {"baseline": plan.baseline, "sd": plan.spread, "alpha": plan.design.alpha}
    if plan.design.share_with_value < 1:
        found["share_with_value"] = plan.design.share_with_value
    for asked, kind in ((plan.margin, _non_inferiority), (plan.effect, _difference)):
        if asked is not None:
            return found | _days(plan, kind(plan))
    if plan.units is None:
        raise UsageError(
            "nothing to solve for", allowed="--effect or --margin for units, --units for the effect"
        )
    return found | _days(plan, _detectable(plan))


def _non_inferiority(plan: Plan) -> Answer:
    from abspark.stats.power import MeanQuestion, non_inferior_relative

    question = non_inferior_relative(
        plan.margin or 0.0,
        mean=plan.baseline,
        sd_control=plan.spread,
        sd_treatment=plan.spread,
        direction=plan.direction,
    )
    if plan.rate is not None:
        question = MeanQuestion(question.distance, question.sd_control, question.sd_treatment, normal=True)
    return {"margin": plan.margin} | _units_or_power(plan, question)


def _difference(plan: Plan) -> Answer:
    from abspark.stats.power import MeanQuestion, ProportionQuestion

    effect = plan.effect or 0.0
    if plan.rate is not None:
        treated = plan.rate * (1 + effect)
        if not 0 <= treated <= 1:
            raise UsageError(f"--effect {effect:g} makes a rate of {treated:g}", allowed="rates of 0 to 1")
        question: Question = ProportionQuestion(plan.rate, treated)
    else:
        question = MeanQuestion(abs(effect) * plan.baseline, plan.spread, plan.spread)
    return {"relative_effect": effect, "effect": effect * plan.baseline} | _units_or_power(plan, question)


def _units_or_power(plan: Plan, question: Question) -> Answer:
    from abspark.stats.power import power as power_of
    from abspark.stats.power import units_needed

    if plan.units is not None:
        return {"power": float(power_of(question, plan.units, design=plan.design)), "units": plan.units}
    units = float(units_needed(question, plan.power, design=plan.design))
    if math.isnan(units):
        raise UsageError("no number of units has that power", advice="give a larger effect or margin")
    rest = max(0.0, 1 - sum(plan.shares) - _ROUNDING)
    control, treatment, others = (math.ceil(units * share) for share in (*plan.shares, rest))
    total: Answer = {"power": plan.power, "units": control + treatment + others}
    return total | {"units_control": control, "units_treatment": treatment}


def _detectable(plan: Plan) -> Answer:
    from abspark.stats.power import detectable_mean, detectable_proportion

    units = plan.units or 0.0
    if plan.rate is not None:
        effect = detectable_proportion(
            units, plan.power, control=plan.rate, direction=plan.direction, design=plan.design
        )
    else:
        spreads = {"sd_control": plan.spread, "sd_treatment": plan.spread}
        effect = plan.direction * detectable_mean(units, plan.power, design=plan.design, **spreads)
    if math.isnan(float(effect)):
        raise UsageError("no effect is detected with that power", advice="give more units")
    found = float(effect)
    return {"relative_effect": found / plan.baseline, "effect": found, "power": plan.power, "units": units}


def _days(plan: Plan, found: Answer) -> Answer:
    from abspark.stats.power import days_needed

    units = float(found["units"] or 0.0)
    if plan.units is not None:
        control, both = (
            math.ceil(units * (share - _ROUNDING)) for share in (plan.shares[0], sum(plan.shares))
        )
        found |= {"units_control": control, "units_treatment": both - control}
    if plan.units_per_day is None:
        return found
    days = days_needed(units, units_per_day=plan.units_per_day, window_days=plan.window_days)
    return found | {"days": int(days)}


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


_LAKE = ("conf", "env", "experiment", "metric")
_ALPHA_BELOW = 0.5
_MOST_LOOKS = 100
_MOST_UNITS = 1e15
_ROUNDING = 1e-12
"""By how much shares that are meant to sum to 1 may miss it."""
_NAMES = {"target": "power"}
"""Options whose parameter has another name."""
_POSITIVE = ("sd", "mean", "margin", "units", "units_per_day")


def _check(options: dict[str, Any]) -> None:
    """Refuse combinations that mean nothing, or hold an option that would have no effect."""
    given = {name for name, value in options.items() if value is not None}
    faults: list[tuple[bool, str]] = [
        (("rate" in given) == ("mean" in given), "exactly one of --rate and --mean must be given"),
        (("sd" in given) != ("mean" in given), "--mean and --sd go together"),
        ({"effect", "margin"} <= given, "--effect and --margin ask different questions: give one"),
        ({"effect", "direction"} <= given, "--effect has its own sign: leave out --direction"),
        ({"margin", "sides"} <= given, "--margin is one-sided at alpha / 2: leave out --sides"),
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
