"""Faults of experiments and environments are told with file, line, key, value and what is allowed."""

from __future__ import annotations

import warnings

import pytest
from conf_directory import BUTTON, LOCAL, SHOP, Conf

LAKES = "[{path, format} or {catalog, schema}]"
REFERENCES = "[${NAME}, ${NAME:-default}, or $${ for a plain ${]"
SEGMENTS = "segments: [country]\n"
ROLES = """  primary: [conversion]
  secondary: [revenue]
  guardrails: [{metric: orders_per_unit, margin: {relative: 0.05}}]
"""

EXPERIMENT_FAULTS = [
    ("id: button", 'id: "a\\nb"', [':1 id = "a\\nb": must not contain control characters']),
    ("id: button", "id: 7", [':1 id = 7: must be text; put it in quotes: "…"']),
    ("id: button", "id: '*'", [":1 id = *: must not be '*', which means: no experiment"]),
    ("id: button", "id: ' '", [":1 id =  : must not be blank"]),
    ("id: button", f"id: {'x' * 501}", [f":1 id = {'x' * 79}…: must have at most 500 characters"]),
    (
        "id: button\n", "id: button\nstatus: runing\n",
        [":2 status = runing: is not among the choices ['draft', 'running', 'paused' or 'completed']"],
    ),
    ("weight: 0.4", "weight: 0.5", [":2 variants: the weights sum to 1.1 [weights that sum to 1]"]),
    ("weight: 0.4", "weight: -0.4", [":2 variants[0].weight = -0.4: is out of range [at least 0.0]"]),
    ("weight: 0.4", "weight: .nan", [":2 variants[0].weight = NaN: must be a finite number"]),
    ("weight: 0.4", "weight: '0.4'", [":2 variants[0].weight = 0.4: must be a number"]),
    ("weight: 0.4", "weight: true", [":2 variants[0].weight = true: must be a number"]),
    ("key: green", "key: grey", [":2 variants[1].key = grey: is the key of two variants"]),
    (
        "{key: grey, weight: 0.4}, {key: green, weight: 0.6}", "{key: grey, weight: 1}",
        [":2 variants: has 1 variants [2 to 64]"],
    ),
    ("control: grey", "control: gray", [":3 control = gray: is no variant of this experiment [grey, green]"]),
    (
        "id: button\n", "id: button\nseries: {enabled: false, since_exposure: true}\n",
        [":2 series.since_exposure = true: has no effect without the series [enabled: true]"],
    ),
    (
        "start: 2026-03-01T00:00:00Z", "start: 2026-03-01T00:00:00",
        [":4 start = 2026-03-01T00:00:00: state the time and the offset, e.g. 2026-10-01T00:00:00Z"],
    ),
    (
        "start: 2026-03-01T00:00:00Z", "start: 2026-03-01",
        [":4 start = 2026-03-01: state the time and the offset, e.g. 2026-10-01T00:00:00Z"],
    ),
    (
        "start: 2026-03-01T00:00:00Z", "start: 2026-02-31T00:00:00Z",
        [":4 start = 2026-02-31T00:00:00Z: is no time of the calendar"],
    ),
    (
        "end: 2026-03-15T00:00:00Z", "end: 9999-12-31T00:00:00Z",
        [
            ":5 end = 9999-12-31T00:00:00Z: must lie between 1900 and 9899; what has no end yet may have "
            "2099-12-31T00:00:00Z"
        ],
    ),
    (
        "start: 2026-03-01T00:00:00Z", "start: 2026-03-15T00:00:00Z",
        [":5 end = 2026-03-15T00:00:00Z: is not after start [an instant after start]"],
    ),
    (
        "exposures: shown", "exposures: shwon",
        [":6 exposures = shwon: there is no such exposure source; did you mean 'shown'? [shown]"],
    ),
    (
        "exposures: shown", "exposures: shown\nmultiple_variants: last",
        [":7 multiple_variants = last: is not among the choices ['exclude' or 'first']"],
    ),
    (
        "primary: [conversion]", "primary: [conversions]",
        [
            ":8 metrics.primary[0] = conversions: there is no such metric; did you mean 'conversion'?"
            " [conversion, orders_per_unit, revenue]"
        ],
    ),
    (
        "primary: [conversion]", "primary: [conversion, revenue]",
        [":9 metrics.secondary[0] = revenue: already listed under primary; a metric has one role"],
    ),
    (
        "metric: orders_per_unit", "metric: unheard",
        [
            ":10 metrics.guardrails[0].metric = unheard: there is no such metric"
            " [conversion, orders_per_unit, revenue]"
        ],
    ),
    (
        "{relative: 0.05}", "{relative: 0.05, absolute: 1}",
        [":10 metrics.guardrails[0].margin: exactly one of relative and absolute must be given"],
    ),
    (
        "{relative: 0.05}", "{relative: 0}",
        [":10 metrics.guardrails[0].margin.relative = 0: is out of range [above 0.0]"],
    ),
    (
        "{relative: 0.05}", "{relative: 2}",
        [
            ":10 metrics.guardrails[0].margin.relative = 2: of a metric of which more is better tolerates the loss of"
            " all of it [below 1: 0.02 is two percent; or an absolute margin]"
        ],
    ),
    (
        f"metrics:\n{ROLES}", "metrics: {}\n",
        [":7 metrics: lists no metric [at least one under primary, secondary or guardrails]"],
    ),
    (
        "segments: [country]", "segments: [contry]",
        [
            ":11 segments[0] = contry: is no attribute of the exposure source 'shown'; did you mean 'country'?"
            " [country, platform]"
        ],
    ),
    ("segments: [country]", "segments: [country, country]", [":11 segments[1] = country: is listed twice"]),
    ("segments: [country]", "segments: country", [":11 segments = country: must be a list, e.g. [country]"]),
]  # fmt: skip

ADDED_TO_EXPERIMENT = [
    ("analysis: {alpha: 0.5}", ["analysis.alpha = 0.5: is out of range [below 0.5]"]),
    ("analysis: {alpha: 0}", ["analysis.alpha = 0: is out of range [above 0.0]"]),
    (
        "analysis: {alpa: 0.1}",
        [
            "analysis.alpa: unknown key; did you mean 'alpha'? [method, alpha, sides, correction,"
            " estimator, interval, relative_interval, group_sequential, anytime, bayesian, ship_when]"
        ],
    ),
    ("analysis: {sides: 3}", ["analysis.sides = 3: is out of range [at most 2]"]),
    ("analysis: {sides: true}", ["analysis.sides = true: must be a whole number"]),
    (
        "analysis: {method: guess}",
        [
            "analysis.method = guess: is not among the choices ['fixed', 'group_sequential', 'anytime' or 'bayesian']"
        ],
    ),
    (
        "analysis: {correction: sidak}",
        [
            "analysis.correction = sidak: is not among the choices ['none', 'bonferroni', 'holm', 'hochberg',"
            " 'benjamini_hochberg' or 'benjamini_yekutieli']"
        ],
    ),
    (
        "analysis: {interval: exact}",
        ["analysis.interval = exact: is not among the choices ['wald', 'newcombe' or 'agresti_caffo']"],
    ),
    (
        "analysis: {relative_interval: log}",
        ["analysis.relative_interval = log: is not among the choices ['delta' or 'fieller']"],
    ),
    ("analysis: {ship_when: most}", ["analysis.ship_when = most: is not among the choices ['all' or 'any']"]),
    (
        "analysis: {bayesian: {}}",
        ["analysis.bayesian: has no effect with method fixed [leave it out]"],
    ),
    (
        "analysis: {method: bayesian, sides: 1, correction: none, interval: wald, relative_interval: delta}",
        [
            "analysis.correction = none: has no effect with method bayesian [leave it out]",
            "analysis.interval = wald: has no effect with method bayesian [leave it out]",
            "analysis.relative_interval = delta: has no effect with method bayesian [leave it out]",
            "analysis.sides = 1: has no effect with method bayesian [leave it out]",
        ],
    ),
    (
        "analysis: {method: bayesian, bayesian: {prior: {proportion: {failures: 0.05}}}}",
        ["analysis.bayesian.prior.proportion.failures = 0.05: is out of range [at least 0.1]"],
    ),
    (
        "analysis: {method: bayesian, bayesian: {prior: {relative_effect: {mean: 0.1}}}}",
        ["analysis.bayesian.prior.relative_effect.mean = 0.1: a flat prior has no mean [give sd as well]"],
    ),
    (
        "analysis: {method: bayesian, bayesian: {prior: {relative_effect: {sd: 0}}}}",
        ["analysis.bayesian.prior.relative_effect.sd = 0: is out of range [above 0.0]"],
    ),
    (
        "analysis: {method: group_sequential}",
        [
            "analysis: method group_sequential needs group_sequential [group_sequential: {planned_units: 200000}]"
        ],
    ),
    (
        "analysis: {method: group_sequential, group_sequential: {planned_units: 9, spending: hsd}}",
        [
            "analysis.group_sequential.parameter: spending hsd needs a parameter [a number between -40 and 40]",
        ],
    ),
    (
        "analysis: {method: group_sequential, group_sequential: {planned_units: 9, parameter: 1, looks: []}}",
        [
            "analysis.group_sequential.looks: names no day [daily, weekly, or a list of days]",
            "analysis.group_sequential.parameter = 1: spending obf has no parameter [leave it out]",
        ],
    ),
    (
        "analysis: {method: group_sequential, group_sequential: {planned_units: 9, looks: hourly}}",
        [
            "analysis.group_sequential.looks = hourly: is not among the choices ['daily' or 'weekly']",
            "analysis.group_sequential.looks = hourly: must be a list",
        ],
    ),
    (
        "analysis: {method: group_sequential, group_sequential: {planned_units: 9, futility: "
        "{beta: 0.5, effect: {relative: 0.1, absolute: 2}}}}",
        [
            "analysis.group_sequential.futility.beta = 0.5: is out of range [below 0.5]",
            "analysis.group_sequential.futility.effect: exactly one of relative and absolute must be given",
        ],
    ),
    (
        "analysis: {method: group_sequential, group_sequential: {planned_units: 9, futility: {beta: 0.1}}}",
        ["analysis.group_sequential.futility.effect: is missing [keys relative, absolute]"],
    ),
    (
        "analysis: {method: group_sequential, group_sequential: {planned_units: 9, futility: "
        "{spending: hsd, effect: {relative: 0.1}}}}",
        [
            "analysis.group_sequential.futility.parameter: spending hsd needs a parameter "
            "[a number between -40 and 40]",
        ],
    ),
    (
        "analysis: {method: anytime, group_sequential: {planned_units: 9, futility: {effect: {relative: 0.1}}}}",
        [
            "analysis.group_sequential: has no effect with method anytime [leave it out]",
            "analysis.group_sequential.futility: has no effect with method anytime [leave it out]",
        ],
    ),
    (
        "analysis: {method: anytime, anytime: {futility: {effect: {relative: 0.1}}}}",
        ["analysis.anytime.futility: unknown key [tuned_at, tau]"],
    ),
    (
        "analysis: {group_sequential: {planned_units: 9}}",
        ["analysis.group_sequential: has no effect with method fixed [leave it out]"],
    ),
    (
        "analysis: {method: anytime, anytime: {tuned_at: 500, tau: 0.1}}",
        ["analysis.anytime.tuned_at = 500: has no effect with tau [leave out the one or the other]"],
    ),
    *(
        (
            f"analysis: {{method: {method}{plan}, interval: newcombe, relative_interval: fieller}}",
            [
                f"analysis.interval = newcombe: has no effect with method {method} [leave it out]",
                f"analysis.relative_interval = fieller: has no effect with method {method} [leave it out]",
            ],
        )
        for method, plan in (("anytime", ""), ("group_sequential", ", group_sequential: {planned_units: 9}"))
    ),
    *(
        (
            "analysis: {method: group_sequential, group_sequential: "
            f"{{planned_units: 9, spending: {spending}, parameter: {end}}}}}",
            [
                f"analysis.group_sequential.parameter = {end}: spending {spending} needs a parameter "
                f"[a number between {between}]"
            ],
        )
        for spending, end, between in (
            ("power", 0, "0 and 50"),
            ("power", 50, "0 and 50"),
            ("hsd", -40, "-40 and 40"),
            ("hsd", 40, "-40 and 40"),
        )
    ),
    (
        "analysis: {estimator: best}",
        ["analysis.estimator = best: is not among the choices ['cuped' or 'unadjusted']"],
    ),
    (
        "analysis: fixed",
        [
            "analysis = fixed: must be a mapping of key: value [keys method, alpha, sides, correction, estimator, "
            "interval, relative_interval, group_sequential, anytime, bayesian, ship_when]"
        ],
    ),
    ("health: {srm: {threshold: 1}}", ["health.srm.threshold = 1: is out of range [below 1.0]"]),
    (
        "health: {srm: {severity: stop}}",
        ["health.srm.severity = stop: is not among the choices ['warn' or 'fail']"],
    ),
    (
        "health: {hash: {warn: 0.2}}",
        ["health.hash.warn = 0.2: is above fail, so it could never warn [warn <= fail]"],
    ),
    (
        "health: {several_variants: {fail: 1.1}}",
        ["health.several_variants.fail = 1.1: is out of range [at most 1.0]"],
    ),
    ("min_sample_size: 1.5", ["min_sample_size = 1.5: must be a whole number"]),
    ("min_sample_size: -1", ["min_sample_size = -1: is out of range [at least 0]"]),
    ("max_duration_days: 0", ["max_duration_days = 0: is out of range [above 0]"]),
    (
        "assignment: sha256",
        [
            "assignment = sha256: must be a mapping of key: value"
            " [keys scheme, history, and those of the scheme]"
        ],
    ),
    (
        "assignment: {salt: x}",
        [
            "assignment: must say its scheme ['none', 'sha256', 'growthbook', 'optimizely', 'eppo', 'statsig', "
            "'unleash', 'launchdarkly', 'posthog', 'configcat', 'amplitude', 'planout', 'split', 'flagsmith', "
            "'flagd', 'vwo', 'devcycle', 'harness', 'mozilla', 'firebase', 'vercel']"
        ],
    ),
    *(
        (
            f"assignment: {{scheme: sha256, {written}}}",
            [
                *missing,
                f"assignment.{key}: unknown key{hint} [scheme, history, unit, overrides, salt, traffic, allocations]",
            ],
        )
        for written, key, hint, missing in (
            ("slat: x", "slat", "; did you mean 'salt'?", ["assignment.salt: is missing"]),
            ("slat: x, salt: y", "slat", "", []),
            ("salt: y, alloc: []", "alloc", "; did you mean 'allocations'?", []),
            ("seed: x", "seed", "", ["assignment.salt: is missing"]),
        )
    ),
    (
        "assignment: {scheme: growthbook, sdk: go, seed: s}",
        ["assignment.version: is missing [1, 2]"],
    ),
    (
        "assignment: {scheme: growthbook, version: 1, seed: s}",
        ["assignment.sdk: is missing ['javascript', 'python', 'go', 'java', 'php']"],
    ),
    (
        "assignment: {scheme: growthbook, sdk: go, seed: s, version: 3}",
        ["assignment.version = 3: is not among the choices [1 or 2]"],
    ),
    (
        "assignment: {scheme: eppo, version: v9, split_salt: s, allocations: []}",
        ["assignment.version = v9: is not among the choices ['ufc', 'rac']"],
    ),
    ("assignment: {scheme: eppo, split_salt: s}", ["assignment.version: is missing ['ufc', 'rac']"]),
    ("assignment: {scheme: statsig, salt: s}", ["assignment.version: is missing ['experiment', 'gate']"]),
    (
        "assignment: {scheme: split, seed: 1, allocations: [{variant: grey, weight: 100}]}",
        ["assignment.version: is missing ['murmur', 'legacy']"],
    ),
    (
        "assignment: {scheme: split, seed: 1, version: murmur, allocations: []}",
        ["assignment.allocations: must not be empty"],
    ),
    (
        "assignment: {scheme: split, seed: 1, version: murmur, allocations: [{variant: grey}]}",
        ["assignment.allocations[0].weight: is missing"],
    ),
    (
        "assignment: {scheme: vwo, version: old, campaign_id: '1', account_id: '2', percent_traffic: 100, "
        "allocations: [{variant: grey, percentage: 50}, {variant: green, percentage: 50}]}",
        [
            (
                "assignment.account_id: unknown key [scheme, history, unit, overrides, allocations, group, "
                "percent_traffic, version, campaign_id]"
            ),
        ],
    ),
    (
        "assignment: {scheme: sha256}",
        ["assignment.salt: is missing"],
    ),
    (
        "assignment: {scheme: sha256, salt: s, unit: contry}",
        [
            (
                "assignment.unit = contry: is no attribute of the exposure source 'shown'; did you "
                "mean 'country'? [country, platform]"
            ),
        ],
    ),
    (
        "assignment: {scheme: sha256, salt: s, overrides: {source: forsed}}",
        ["assignment.overrides.source = forsed: there is no such exposure source [shown]"],
    ),
    (
        "assignment: {scheme: sha256, salt: s, overrides: {u: blue}}",
        ["assignment.overrides.u = blue: unknown variant 'blue'; the variants are grey, green"],
    ),
    (
        (
            "assignment: {scheme: sha256, salt: s, allocations: [{variant: grey, end: 4000}, "
            "{variant: green, end: 10001}]}"
        ),
        ["assignment.allocations[1].end = 10001: is beyond the 10,000 buckets"],
    ),
    (
        "assignment: {scheme: sha256, salt: s, allocations: [{variant: grey, end: 10000}]}",
        ["assignment.allocations: variant 'green' has none"],
    ),
    (
        (
            "assignment: {scheme: eppo, version: ufc, split_salt: s, allocations: [{variant: "
            "grey, start: 0, end: 4000}, {variant: green, start: 100, end: 200}]}"
        ),
        ["assignment.allocations[1]: lies within the entries before it, so nothing is left for it"],
    ),
    (
        "assignment: {scheme: sha256, salt: s, history: [{from: 2026-03-02T00:00:00Z}]}",
        [
            (
                "assignment.history[0].from = 2026-03-02T00:00:00Z: must not be after the "
                "experiment's start, 2026-03-01T00:00:00+00:00"
            ),
        ],
    ),
    (
        (
            "assignment: {scheme: sha256, salt: s, history: [{from: 2026-03-01T00:00:00Z}, "
            "{from: 2026-02-01T00:00:00Z}]}"
        ),
        ["assignment.history[1].from = 2026-02-01T00:00:00Z: must be after the entry before it"],
    ),
    (
        (
            "assignment: {scheme: sha256, salt: s, history: [{from: 2026-03-01T00:00:00Z, "
            "weights: {grey: 0.5}}]}"
        ),
        ["assignment.history[0].weights: must name each variant once: grey, green"],
    ),
    (
        "target_audience: {age: {min: 3, max: 2}}",
        ["target_audience.age.max = 2: is below min, so nobody is in the audience"],
    ),
    (
        "target_audience: {age: {}}",
        ["target_audience.age: says nothing [any_of, none_of, min or max]"],
    ),
    (
        "target_audience: {age: [[1]]}",
        ["target_audience.age[0]: must be text, a number, true or false"],
    ),
]

ENVIRONMENT_FAULTS = [
    ("lake: {}\n", [f":1 lake: a lake is either a path or a schema of a catalog {LAKES}"]),
    ("lake: {path: a, catalog: b}\n", [f":1 lake: a lake is either a path or a schema of a catalog {LAKES}"]),
    ("lake: {catalog: main}\n", [f":1 lake: catalog and schema belong together {LAKES}"]),
    (
        "lake: {catalog: main, schema: a, format: delta}\n",
        [f":1 lake.format = delta: has no effect with a catalog, whose tables are Delta {LAKES}"],
    ),
    (
        "lake: {catalog: main, schema_name: a}\n",
        [":1 lake.schema_name: unknown key; did you mean 'schema'? [path, format, catalog, schema]"],
    ),
    (
        "lake: {path: a}\nledger: none\nkeep_unit_metrics: yes\n",
        [
            ":2 ledger = none: is not among the choices ['rows', 'full' or 'read']",
            ":3 keep_unit_metrics = yes: must be true or false",
        ],
    ),
    (
        "lake: {path: a}\nname: x\n",
        [":2 name: unknown key [lake, spark, keep_unit_metrics, ledger, pseudonymise, pseudonym_key]"],
    ),
    (
        "lake: {path: a}\npseudonymise: true\n",
        [":2 pseudonymise = true: pseudonyms need a secret [pseudonym_key: ${NAME_OF_A_VARIABLE}]"],
    ),
    (
        "lake: {path: a}\npseudonym_key: 0123456789abcdef0123456789abcdef\n",
        [":2 pseudonym_key: a secret is not written in a file [an environment variable: ${NAME}]"],
    ),
    (
        'lake: {path: a}\npseudonymise: true\npseudonym_key: "${KEY:-0123456789abcdef0123456789abcdef}"\n',
        [":3 pseudonym_key: a secret is not written in a file [an environment variable: ${NAME}]"],
    ),
    (
        "lake: {path: a}\npseudonymise: true\npseudonym_key: short\n",
        [":3 pseudonym_key: a secret is not written in a file [an environment variable: ${NAME}]"],
    ),
    (
        "lake: {path: a}\npseudonymise: true\npseudonym_key: 1234567890\n",
        [":3 pseudonym_key: a secret is not written in a file [an environment variable: ${NAME}]"],
    ),
    ("lake: {path: a}\nspark: {conf: {a: [1]}}\n", [":2 spark.conf.a: must be text"]),
    (
        'lake: {path: "${LAKE}"}\n',
        [f":1 lake.path = ${{LAKE}}: the environment variable LAKE is not set {REFERENCES}"],
    ),
    (
        'lake: {path: "${LA KE}"}\n',
        [f":1 lake.path = ${{LA KE}}: ${{LA KE}} is no reference to an environment variable {REFERENCES}"],
    ),
    (
        'lake: {path: "${LAKE:-${HOME}/x}"}\n',
        [
            f":1 lake.path = ${{LAKE:-${{HOME}}/x}}: ${{LAKE:-${{HOME}} is no reference to an environment variable;"
            f" none stands inside another {REFERENCES}"
        ],
    ),
    (
        'lake: {path: "x${LAKE"}\n',
        [f":1 lake.path = x${{LAKE: ${{LAKE is no reference to an environment variable {REFERENCES}"],
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), EXPERIMENT_FAULTS)
def test_a_fault_of_an_experiment(conf: Conf, old: str, new: str, told: list[str]) -> None:
    conf.edit(BUTTON, old, new)
    assert conf.told() == [f"{BUTTON}{fault}" for fault in told]


@pytest.mark.parametrize(("added", "told"), ADDED_TO_EXPERIMENT)
def test_a_fault_in_a_key_added_to_an_experiment(conf: Conf, added: str, told: list[str]) -> None:
    conf.edit(BUTTON, SEGMENTS, f"{SEGMENTS}{added}\n")
    assert conf.told() == [f"{BUTTON}:12 {fault}" for fault in told]


@pytest.mark.parametrize(("text", "told"), ENVIRONMENT_FAULTS)
def test_a_fault_of_an_environment(conf: Conf, text: str, told: list[str]) -> None:
    conf.write(LOCAL, text)
    assert conf.told() == [f"{LOCAL}{fault}" for fault in told]


def test_an_interval_longer_than_allowed(conf: Conf) -> None:
    conf.edit(BUTTON, SEGMENTS, "segments: [country]\nmax_duration_days: 13\n")
    assert conf.told() == [
        f"{BUTTON}:5 end = 2026-03-15T00:00:00Z: is more than max_duration_days = 13 after start"
    ]


def test_an_unknown_scheme_names_the_known_ones(conf: Conf) -> None:
    conf.edit(BUTTON, SEGMENTS, "segments: [country]\nassignment:\n  scheme: sha255\n")
    (told,) = conf.told()
    assert told.startswith(
        f"{BUTTON}:13 assignment.scheme = sha255: is not among the choices ['none', 'sha256'"
    )


def test_faults_of_an_assignment_have_the_line_of_their_key(conf: Conf) -> None:
    conf.edit(
        BUTTON,
        SEGMENTS,
        "assignment:\n  scheme: sha256\n  salt: x\n  overrides:\n    u.1: grey\n    u.2: blue\n"
        "  history:\n  - from: 2026-03-02T00:00:00Z\n    weights: {grey: 1.0}\n",
    )
    assert [told.split(":", 2)[:2] for told in conf.told()] == [
        [BUTTON, "16 assignment.overrides.u.2 = blue"],
        [BUTTON, "18 assignment.history[0].from = 2026-03-02T00"],
        [BUTTON, "19 assignment.history[0].weights"],
    ]


@pytest.mark.parametrize(
    ("primary", "told"),
    [
        (
            "primary: [conversion, revenue]",
            ".effect.absolute = 2: is in one metric's unit, and there are 2 primary metrics [relative: 0.05]",
        ),
        ("secondary: [conversion, revenue]", ": has no effect without a primary metric [leave it out]"),
    ],
)
def test_futility_is_of_primary_metrics(conf: Conf, primary: str, told: str) -> None:
    plan = "{planned_units: 9, futility: {effect: {absolute: 2}}}"
    conf.edit(BUTTON, SEGMENTS, f"analysis: {{method: group_sequential, group_sequential: {plan}}}\n")
    conf.edit(BUTTON, "  primary: [conversion]\n  secondary: [revenue]\n", f"  {primary}\n")
    assert conf.told() == [f"{BUTTON}:10 analysis.group_sequential.futility{told}"]


@pytest.mark.parametrize(
    ("relative", "direction", "allowed"),
    [
        ("0.999", "increase", True),
        ("1", "increase", False),
        ("1", "decrease", True),
        ("7.5", "decrease", True),
    ],
)
def test_a_margin_of_all_of_the_mean_can_only_be_of_a_worsening_upwards(
    conf: Conf, relative: str, direction: str, *, allowed: bool
) -> None:
    """T - (1 - margin) C of what isn't negative can't fall below 0 from a margin of 1 on; (1 + margin) C - T can."""
    conf.edit(BUTTON, "{relative: 0.05}", f"{{relative: {relative}}}")
    conf.edit(SHOP, "name: orders_per_unit\n", f"name: orders_per_unit\n    direction: {direction}\n")
    if allowed:
        told = f"orders_per_unit's relative margin of {relative} is {float(relative):.0%} of control's mean"
        doubts = (f"{told} (two percent is 0.02)",) if float(relative) >= 1 else ()
        assert conf.load().experiments["button"].doubts == doubts
    else:
        assert [".margin.relative" in told for told in conf.told()] == [True]


@pytest.mark.parametrize(("relative", "percent"), [("1", "100%"), ("2", "200%")])
def test_a_futility_effect_of_all_of_the_mean_is_doubted(conf: Conf, relative: str, percent: str) -> None:
    plan = "{planned_units: 9, futility: {effect: {relative: 0.02}}}"
    conf.edit(BUTTON, SEGMENTS, f"analysis: {{method: group_sequential, group_sequential: {plan}}}\n")
    assert conf.load().experiments["button"].doubts == ()
    conf.edit(BUTTON, "relative: 0.02", f"relative: {relative}")
    experiment = conf.load().experiments["button"]
    assert experiment.doubts == (
        f"futility's relative effect of {relative} is {percent} of control's mean (two percent is 0.02)",
    )
    assert experiment.doubts_of_assignment == ()


@pytest.mark.parametrize(
    ("analysis", "doubt"),
    [
        ("{method: anytime, anytime: {tau: 2}}", ("anytime's tau of 2 is 200%",)),
        ("{method: anytime, anytime: {tau: 0.02}}", ()),
        (
            "{method: bayesian, bayesian: {prior: {relative_effect: {mean: -1, sd: 10}}}}",
            (
                "the prior's relative effect of mean -1 is -100%",
                "the prior's relative effect of sd 10 is 1000%",
            ),
        ),
    ],
)
def test_per_cent_in_place_of_a_share_is_doubted(conf: Conf, analysis: str, doubt: tuple[str, ...]) -> None:
    conf.edit(BUTTON, SEGMENTS, f"analysis: {analysis}\n")
    expected = tuple(f"{told} of control's mean (two percent is 0.02)" for told in doubt)
    assert conf.load().experiments["button"].doubts == expected


def test_a_key_with_two_names_beside_a_fault_warns_of_nothing(conf: Conf) -> None:
    given = "assignment: {scheme: growthbook, version: 1, seed: s}"
    conf.edit(BUTTON, SEGMENTS, f"{given}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(conf.told()) == 1
