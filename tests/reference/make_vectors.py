"""Writes own_hash_vectors.json: what the plain-Python definition gives for the cases of hash_cases.py.

    python tests/reference/make_vectors.py

The definition itself is held to hash_vectors.json, the vendors' published values.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from abspark.assignment import assign
from abspark.assignment.kernels import KERNELS

sys.path.insert(0, str(Path(__file__).parents[1]))
from hash_cases import experiments, unit_ids

TARGET = Path(__file__).with_name("own_hash_vectors.json")
SEEDS = (0, 1, 86028157, 2_147_483_647, 3)
MODULI = (100, 10_000, 9_999, 1000)


def vectors() -> dict[str, Any]:
    units = unit_ids()
    texts = units
    calls = [(text, SEEDS[i % len(SEEDS)], MODULI[i % len(MODULI)]) for i, text in enumerate(texts)]
    return {
        "texts": calls,
        "kernels": {name: [kernel.python(*call) for call in calls] for name, kernel in KERNELS.items()},
        "units": units,
        "schemes": {
            given.id: [[got.bucket, got.variant] for got in (assign(given, unit) for unit in units)]
            for given in experiments()
        },
    }


if __name__ == "__main__":
    TARGET.write_text(
        json.dumps(vectors(), ensure_ascii=True, separators=(",", ":")) + "\n", encoding="utf-8"
    )
