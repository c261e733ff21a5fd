"""What codes in the tables mean, in words."""

from __future__ import annotations

from typing import Final

DECISIONS: Final = {
    "ship": ("Ship", "good"),
    "do_not_ship": ("Do not ship", "open"),
    "keep_running": ("Keep running", "open"),
    "stop_for_harm": ("Stop: it does harm", "bad"),
    "do_not_trust": ("Do not trust these numbers", "bad"),
}
"""Decision -> what people read, and its tone."""

CHECKS: Final = {
    "srm": "Sample ratio",
    "srm_after_exclusions": "Sample ratio after exclusions",
    "srm_sequential": "Sample ratio, day by day",
    "weights_changed": "Changed weights",
    "several_variants": "Units in several variants",
    "several_variants_balanced": "Units in several variants, balance",
    "hash": "Re-derived assignment",
    "hash_capture": "Re-derived assignment, capture",
    "hash_assignment": "Re-derived assignment, shift",
    "drops_balanced": "Balance of dropped rows",
    "unmatched_events": "Events without a unit",
    "duplicates": "Duplicate events",
    "distant_copies": "Copies far apart",
    "traffic": "Traffic",
    "covariate_balance": "Balance before exposure",
    "covariate_history": "History before exposure",
    "events_before_exposure": "Events before exposure",
    "exposures_outside_interval": "Exposures outside the experiment",
    "exposures_lost": "Exposures that could not be read",
    "events_without_id": "Events without an id",
    "events_without_time": "Events without a time",
    "bad_values": "Values that could not be used",
    "late_rows": "Rows that arrive late",
    "clock": "Rows from the future",
    "bots": "Units with too many events",
    "heterogeneity": "Effects that differ between segments",
    "novelty": "Effects that fade or grow",
    "skewness": "Too few units for skewed values",
}

STATUS: Final = {"fail": "bad", "warn": "warn", "pass": "good", "skipped": "open"}
"""Status of a check -> tone."""

STANDINGS: Final = {
    "better": "better",
    "worse": "worse",
    "open": "not shown to differ",
    "unjudged": "no verdict",
    "undefined": "undefined",
}

METHODS: Final = {
    "fixed": (
        "Fixed horizon",
        "Each metric is tested once, when the experiment is over: proportions by the pooled z-test, other metrics by "
        "Welch's t-test (Welch 1947).",
    ),
    "group_sequential": (
        "Group sequential",
        "Each metric is tested at planned looks. A spending function hands out alpha look by look (Lan & DeMets 1983), "
        "so that stopping at a boundary keeps the error at alpha.",
    ),
    "anytime": (
        "Anytime valid",
        "The intervals form a confidence sequence: they hold at all times together, so the result may be read on any "
        "day and the experiment stopped on any day (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, arXiv:2103.06476).",
    ),
    "bayesian": (
        "Bayesian",
        "A prior and the data give a posterior: the probability that the treatment is better, and what is lost on "
        "average by choosing wrongly. Guardrails keep their test of a fixed horizon, which says whether one is within "
        "its margin or harmed.",
    ),
}
"""Method -> its name and a sentence."""

MIXTURE: Final = (
    "Anytime valid",
    "The intervals are those of a mixture sequential probability ratio test (mSPRT), over relative effects of a normal "
    "distribution with standard deviation tau: they hold at all times together, so the result may be read on any day "
    "and the experiment stopped on any day (Johari, Koomen, Pekelis & Walsh 2017, KDD, sec. 4; arXiv:1512.04922).",
)
"""The same of method anytime with `tau`."""

INTERVALS: Final = {
    "fixed": "interval",
    "group_sequential": "interval",
    "anytime": "confidence sequence",
    "bayesian": "credible interval",
}

GLOSSARY: Final = (
    ("Adjusted p", "The p-value after correction for having tested several primary metrics and treatments: each test "
     "is one more chance of a false alarm."),
    ("Alpha", "The share of experiments without any effect that would still be called significant."),
    ("Boundary", "In a sequential test, how far the statistic must go for the experiment to stop at that look."),
    ("Check", "A test of the data, not of the effect: whether the numbers of this page can be believed."),
    ("Confidence sequence", "Intervals that cover the truth on all days at once, so that looking often does no harm."),
    ("Control", "The variant that the others are compared with."),
    ("CUPED", "An adjustment by what units did before exposure: another, more precise estimate of the same effect."),
    ("Effect", "Treatment minus control, in the metric's own unit."),
    ("Expected loss", "What choosing a variant gives up on average, if the other one is better after all."),
    ("Futility", "When an effect of the planned size would hardly have left the statistic where it is, so that going "
     "on is not expected to show one. It advises to stop; going on keeps alpha."),
    ("Guardrail", "A metric that must not get worse by more than its margin for a treatment to ship."),
    ("Heterogeneity", "Whether effects differ between segment values by more than chance alone would make them."),
    ("Interval", "The effects that fit the data. A method of 95 % intervals catches the true effect in 95 of 100 "
     "experiments."),
    ("Ledger", "The account of all rows: rows read are rows kept plus rows left out, each with a reason."),
    ("Margin", "The worsening of a guardrail that is tolerated."),
    ("p-value", "How often an experiment without any effect would show a difference at least as large as this one. In "
     "a sequential test: the smallest alpha at which some look so far would have shown an effect. It is not the "
     "probability that there is no effect."),
    ("Power", "The probability that an effect of a given size turns out significant."),
    ("Probability to be best", "The posterior probability that a treatment is better than the control and than all "
     "other treatments. What is left of 100 % is the control's."),
    ("Relative effect", "The effect as a share of the control's mean."),
    ("Sample ratio", "The split of units between variants, which has to fit the configured one. Where it does not, "
     "units are missing, and the rest cannot be compared."),
    ("Segment", "A group of units by an attribute at their first exposure, such as a country."),
    ("Sequential", "A test that may be looked at while the experiment runs; an ordinary p-value may not, as each look "
     "adds a chance of a false alarm."),
    ("Significant", "The p-value is below alpha: an effect is shown. Not significant does not show that there is "
     "none."),
    ("Unit", "What was randomised: a user, a device, an account."),
    ("Window", "The time after a unit's first exposure in which its events count."),
)  # fmt: skip
"""Term and sentence."""
