"""`abspark power`: units, detectable effect or days of a planned comparison.

The baseline is assumed (`--rate`, `--mean`), or what a committed run measured in the control (`--experiment`,
`--metric`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import click

from abspark.power_options import plan_of
from abspark.power_plan import Plan, answer


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
    plan = plan_of(options)
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
