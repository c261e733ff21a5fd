"""Environment variables inside configuration values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

FORMS: Final = "${NAME}, ${NAME:-default}, or $${ for a plain ${"

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_INSIDE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?", re.DOTALL)


def expand(text: str, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with references replaced, and what is wrong with it; wrong references stay as they are.

    As in a shell, `:-` also replaces a variable that is set to the empty text. Values are not expanded again.
    """
    wrong: list[str] = []

    def replacement(match: re.Match[str]) -> str:
        inside, closed = match.groups()
        if inside is None:
            return "${"
        parts = _INSIDE.fullmatch(inside)
        if not closed or parts is None or "${" in inside:
            within = "; none stands inside another" if "${" in inside else ""
            wrong.append(f"{match[0]} is no reference to an environment variable{within}")
            return match[0]
        name, has_default, default = parts.groups()
        value = environ.get(name)
        if has_default:
            return value or default
        if value is None:
            wrong.append(f"the environment variable {name} is not set")
            return match[0]
        return value

    return _REFERENCE.sub(replacement, text), tuple(wrong)
