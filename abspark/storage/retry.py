"""Again, where Delta refused because another commit came first."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from abspark.storage.conditions import is_conflict, is_half_made

ATTEMPTS: Final = 30
"""For a commit that lost to another one."""
ATTEMPTS_TO_CREATE: Final = 7
"""For a table in a folder that holds something: half a table is whole in a moment, anything else stays."""
_LONGEST_PAUSE: Final = 2.0

Answer = TypeVar("Answer")


def retried(action: Callable[[], Answer]) -> Answer:
    """The action's answer, repeated with growing random pauses while it is refused; a refusal has written nothing.

    Every other error, and the last refusal, comes out as it is.
    """
    attempt = 1
    while True:
        try:
            return action()
        except Exception as error:
            if attempt >= _patience(error):
                raise
        time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.05 * 2**attempt)))
        attempt += 1


def _patience(error: Exception) -> int:
    if is_conflict(error):
        return ATTEMPTS
    return ATTEMPTS_TO_CREATE if is_half_made(error) else 1
