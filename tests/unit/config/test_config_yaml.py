"""The strict YAML reader: types as YAML 1.2, lines, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from abspark.config.yaml_reader import read_yaml


def complaints(text: str | bytes) -> list[tuple[int | None, tuple[str | int, ...], str]]:
    document = read_yaml(text if isinstance(text, bytes) else text.encode())
    return [(c.line, c.path, c.message) for c in document.complaints]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True), ("False", False), ("on", "on"), ("NO", "NO"), ("yes", "yes"), ("y", "y"),
        ("10", 10), ("-3", -3), ("0", 0), ("010", "010"), ("-010", "-010"), ("0x1F", "0x1F"), ("0o7", "0o7"),
        ("1_000", "1_000"), ("1:30", "1:30"), ("0.5", 0.5), (".5", 0.5), ("1e3", 1000.0), ("-1.", -1.0),
        ("010.5", "010.5"), (".inf", float("inf")), ("-.inf", float("-inf")), ("1.2.3", "1.2.3"), ("e5", "e5"),
        ("2026-10-01", "2026-10-01"), ("2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z"),
        ("null", None), ("~", None), ("", None), ("nullable", "nullable"), ("'10'", "10"), ('"true"', "true"),
        ("!!str 10", "10"), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_scalars(written: str, value: object) -> None:
    data: Any = read_yaml(f"key: {written}\n".encode()).data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


def test_keys_stay_as_written() -> None:
    assert read_yaml(b"{1: a, 01: b, true: c, null: d, on: e}").data == {
        "1": "a", "01": "b", "true": "c", "null": "d", "on": "e",
    }  # fmt: skip


def test_lines_of_keys_items_and_aliases() -> None:
    document = read_yaml(b"\xef\xbb\xbf# first\na: &x\n  b: 1\n  c:\n  - 2\n  -\n    d: 3\ne: *x\n")
    assert document.data == {"a": {"b": 1, "c": [2, {"d": 3}]}, "e": {"b": 1, "c": [2, {"d": 3}]}}
    lines = {
        path: document.line_of(path)
        for path in [("a",), ("a", "b"), ("a", "c", 0), ("a", "c", 1, "d"), ("e",)]
    }
    assert lines == {("a",): 2, ("a", "b"): 3, ("a", "c", 0): 5, ("a", "c", 1, "d"): 7, ("e",): 8}
    assert document.line_of(("a", "c", 9, "z")) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", [(3, ("a",), "the key is already given in line 1")]),
        ("x:\n- {b: 1, b: 2}\n", [(2, ("x", 0, "b"), "the key is already given in line 2")]),
        ("a: !!python/object:os.system x\n",
         [(1, ("a",), "the tag tag:yaml.org,2002:python/object:os.system is not allowed here")]),
        ("a: !!set {x}\n", [(1, ("a",), "the tag tag:yaml.org,2002:set is not allowed")]),
        ("a: !!int x\n", [(1, ("a",), "the tag tag:yaml.org,2002:int is not allowed here")]),
        ("a: &a [1, *a]\n", [(1, ("a", 1), "an alias must not contain itself")]),
        ("? [1]\n: 2\n", [(1, (), "a key must be plain text")]),
        (b"a: 1\nb: \xff\n", [(2, (), "the file is not UTF-8")]),
        ("a: 1\nb: \x00\n", [(2, (), "not valid YAML: a character that YAML does not allow")]),
        (f"a: {'9' * 5000}\n", [(1, ("a",), "the number has too many digits")]),
        ("# only a comment\n", [(None, (), "the file is empty")]),
    ],
)  # fmt: skip
def test_refused_content(text: str | bytes, told: object) -> None:
    assert complaints(text) == told


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\n\tb: 2\n", 2, "not valid YAML: .*; indent with spaces, not with a tab$"),
        ("a:\n\tb: 2\n", 2, "not valid YAML: .*; indent with spaces, not with a tab$"),
        (
            "hypothesis: Test: A green\n",
            1,
            "not valid YAML: mapping values .*; a text with a colon and a blank in it must be in quotes$",
        ),
        (
            "a: b\n  c: d\n",
            2,
            "not valid YAML: mapping values .*; keys of one mapping begin in the same column",
        ),
        ("- a: b\n  c: d\n e: f\n", 3, "not valid YAML: .*; keys of one mapping begin in the same column"),
        ("a: b\n c: d\ne: f\n", 2, "not valid YAML: mapping values .*; keys of one mapping begin"),
        ("a: b\nc d\ne: f\n", 2, "not valid YAML: .*; a key is followed by a colon and a blank$"),
        ("a: [1\nb: 2\n", 2, r"not valid YAML: .*; close what \[ opens"),
        ("a: {key: B: x}\n", 1, "not valid YAML: .*; close what { opens, and put a text with a colon"),
        (
            "a: 1\nlake: {path: ${LAKE}, format: delta}\n",
            2,
            r"not valid YAML: .*write '\$\{NAME\}' in quotes",
        ),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML: expected a single document"),
        ("a: *nowhere\n", 1, "not valid YAML: .*undefined alias"),
    ],
)
def test_broken_syntax_has_a_line(text: str, line: int, message: str) -> None:
    ((found_line, path, found),) = complaints(text)
    assert (found_line, path) == (line, ())
    assert re.match(message, found)


def test_exploding_aliases_are_stopped() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 8)
    )
    ((_, _, message),) = complaints(text)
    assert message == "too many values, or nested too deeply"


@pytest.mark.parametrize("depth", [101, 1_000_000])
def test_deep_nesting_is_stopped(depth: int) -> None:
    assert complaints("\n" + "[" * depth + "]" * depth) == [(2, (), "nested too deeply")]
    assert complaints("[" * 100 + "]" * 100) == []
