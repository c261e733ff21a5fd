"""All hash kernels by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from abspark.assignment.cbor import CBORS
from abspark.assignment.digests import DIGESTS
from abspark.assignment.folds import FOLDS
from abspark.assignment.kernel import Kernel
from abspark.assignment.murmur import MURMURS
from abspark.assignment.shuffles import SHUFFLES
from abspark.assignment.xxhash import XXHASHES

KERNELS: Final[Mapping[str, Kernel]] = {**DIGESTS, **MURMURS, **CBORS, **FOLDS, **SHUFFLES, **XXHASHES}
