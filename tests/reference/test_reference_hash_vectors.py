"""The plain-Python hashes against the vendors' published vectors, each through its scheme's own plan."""

from __future__ import annotations

import json

import pytest
from published_hashes import Hashed, cases, published

from abspark.assignment.kernels import KERNELS
from abspark.assignment.unit import assign

PUBLISHED = [(vendor, row) for vendor, rows in published().items() for row in rows]


@pytest.mark.parametrize(("vendor", "row"), PUBLISHED)
def test_published(vendor: str, row: dict[str, str]) -> None:
    for case in cases(vendor, row):
        if isinstance(case, Hashed):
            got = KERNELS[case.kernel].python(case.text, case.seed, case.modulus)
        else:
            said = assign(case.experiment, case.unit)
            got = case.read(said.bucket, said.variant)
        assert got == case.expected, case


def test_an_unknown_kind_of_vector_is_an_error() -> None:
    with pytest.raises(ValueError, match="not known"):
        cases("eppo", {"fn": "md5[:9] % 10", "key": "a", "expect": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0x02CC5D05), ("abc", 0x32D153FF), ("Nobody inspects the spammish repetition", 0xE2293B2F)],
)
def test_xxhash32(text: str, expected: int) -> None:
    """Values given with the reference implementation and its bindings, seed 0."""
    assert KERNELS["xxhash32"].python(text, 0, 1 << 32) == expected


def test_own_vectors_are_what_the_definition_gives() -> None:
    import make_vectors

    committed = make_vectors.TARGET.read_text(encoding="utf-8")
    assert json.loads(committed) == json.loads(json.dumps(make_vectors.vectors()))
