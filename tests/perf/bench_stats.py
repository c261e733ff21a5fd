"""Speed of the statistics: prints a JSON list of {name, ratio, limit, ours, theirs, unit}.

`ratio` is theirs / ours where another program is compared with, and limit the least it may be; for an
absolute budget `ratio` is budget / ours and limit is 1. Times are the best of several runs of the same inputs
in one process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from abspark.stats.bayesian import EffectPrior
from abspark.stats.best_variant import best_effect
from abspark.stats.effects import cuped_mean_effect, cuped_ratio_effect, mean_effect, ratio_effect
from abspark.stats.fixed import welch
from abspark.stats.group_sequential import Plan, look_boundaries
from abspark.stats.moments import Moments
from abspark.stats.multiplicity import holm
from abspark.stats.spending import Spending
from tests.perf import tea

ROWS = 100_000
SAMPLE = 5_000
TEA_SAMPLE = 400
BUDGET_SECONDS = 0.5
LOOKS = 60
LOOKS_SECONDS = 0.1
APART_SECONDS = 8.0


def batch(rng: np.random.Generator, rows: int = ROWS) -> tuple[Moments, Moments]:
    """Arms of many comparisons with positive means, covariates that correlate, and effects around zero."""
    root = rng.normal(size=(rows, 4, 4))
    cov = root @ root.transpose(0, 2, 1)
    n = rng.integers(1_000, 100_000, (2, rows))
    mean = rng.uniform(5, 10, (rows, 4))
    noise = rng.normal(size=(rows, 4)) * np.sqrt(np.diagonal(cov, axis1=1, axis2=2) / n[1][:, None])
    return Moments(n[0], mean, cov), Moments(n[1], mean + noise, cov)


def best(run: Callable[[], object], repeats: int) -> float:
    """Shortest wall time of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def everything(control: Moments, treatment: Moments) -> None:
    """Half of the comparisons means, half ratios, each unadjusted and adjusted, then Holm over families of 5."""
    half = ROWS // 2
    front, back = slice(0, half), slice(half, None)
    p = [
        welch(estimator(control.take(rows), treatment.take(rows))).p_value
        for estimator, rows in (
            (mean_effect, front), (ratio_effect, back), (cuped_mean_effect, front), (cuped_ratio_effect, back),
        )
    ]  # fmt: skip
    family = np.arange(ROWS) // 5
    holm(np.concatenate(p[:2]), family)
    holm(np.concatenate(p[2:]), family)


def boundaries() -> None:
    """A two-sided O'Brien-Fleming type design looked at on 60 days of growing length."""
    information = np.cumsum(np.linspace(1, 2, LOOKS))[None, :]
    look_boundaries(information, information / information[0, -1], plan=Plan(Spending("obf"), 0.05))


def far_apart() -> None:
    """Which of three variants is best, eight times, where standard errors differ a millionfold."""
    effect, own, shared = ([row] * 8 for row in ([0.1, 0.3, -0.2], [1e-6, 1e-3, 1.0], [1e-2, 1e-2, 1e-2]))
    best_effect(effect, own, shared, prior=EffectPrior(0.0, np.inf))


def scipy_loop(control: Moments, treatment: Moments) -> None:
    """One call of scipy's Welch test per comparison, over the first rows."""
    for i in range(SAMPLE):
        stats.ttest_ind_from_stats(
            treatment.mean[i, 0], np.sqrt(treatment.cov[i, 0, 0]), treatment.n[i],
            control.mean[i, 0], np.sqrt(control.cov[i, 0, 0]), control.n[i], equal_var=False,
        )  # fmt: skip


def tea_seconds(control: Moments, treatment: Moments) -> float:
    """Seconds per comparison of a loop over tea-tasting, which is only asked for the adjusted ones.

    As many means as ratios, from the front of either half of what `everything` gets.
    """
    count, half = TEA_SAMPLE // 2, ROWS // 2
    means, ratios = (tea.pairs(control, treatment, range(start, start + count)) for start in (0, half))
    return best(lambda: tea.loop(means, ratios), 5) / TEA_SAMPLE


def main() -> None:
    """Measure and print."""
    control, treatment = batch(np.random.default_rng(1))
    whole = best(lambda: everything(control, treatment), 15)
    ours = best(lambda: welch(mean_effect(control, treatment)), 7) / ROWS
    theirs = best(lambda: scipy_loop(control, treatment), 3) / SAMPLE
    tea_tasting = tea_seconds(control, treatment)
    looks = best(boundaries, 5)
    apart = best(far_apart, 2)
    measured = [
        {"name": "100,000 comparisons with everything", "ratio": BUDGET_SECONDS / whole, "limit": 1.0,
         "ours": whole, "theirs": BUDGET_SECONDS, "unit": "s"},
        {"name": "everything against a loop over tea-tasting, adjusted only", "ratio": tea_tasting * ROWS / whole,
         "limit": 200.0, "ours": whole / ROWS * 1e6, "theirs": tea_tasting * 1e6, "unit": "us per comparison"},
        {"name": "Welch against a loop over scipy's ttest_ind_from_stats", "ratio": theirs / ours, "limit": 15.0,
         "ours": ours * 1e6, "theirs": theirs * 1e6, "unit": "us per comparison"},
        {"name": f"boundaries of {LOOKS} looks", "ratio": LOOKS_SECONDS / looks, "limit": 1.0, "ours": looks,
         "theirs": LOOKS_SECONDS, "unit": "s"},
        {"name": "best of three variants, errors a millionfold apart", "ratio": APART_SECONDS / apart, "limit": 1.0,
         "ours": apart, "theirs": APART_SECONDS, "unit": "s"},
    ]  # fmt: skip
    print(json.dumps(measured, indent=2))  # noqa: T201 - the output is what this script is for


if __name__ == "__main__":
    main()
