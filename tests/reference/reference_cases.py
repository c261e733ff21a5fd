"""The stored reference cases: facts computed by other software, each naming its source.

`take` hands the cases of one group to a test module and remembers their ids, so that
`test_reference_complete` can say whether each stored case is used or stands in `left_out.json` with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Case = dict[str, Any]
USED: dict[str, set[str]] = {}


def stored(name: str) -> list[Case]:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def left_out() -> dict[str, dict[str, str]]:
    return json.loads((HERE / "left_out.json").read_text(encoding="utf-8"))


def take(name: str, chosen: Callable[[Case], bool]) -> list[Case]:
    skipped = left_out()[name]
    cases = [case for case in stored(name) if case["id"] not in skipped and chosen(case)]
    USED.setdefault(name, set()).update(case["id"] for case in cases)
    return cases


def starts(prefix: str) -> Callable[[Case], bool]:
    return lambda case: case["id"].startswith(prefix)


def named(case: Case) -> str:
    return str(case["id"])
