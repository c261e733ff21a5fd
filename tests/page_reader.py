"""What a written page says, read back from its HTML."""

from __future__ import annotations

import base64
import gzip
import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Tables by id, as rows of (column of the lake's table, text); element names and attributes as they come."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[tuple[str, str]]]] = {}
        self.columns: dict[str, list[str]] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.packed: dict[str, str] = {}
        self.open: list[str] = []
        self._table = ""
        self._script: str | None = None
        self._text: list[str] | None = None
        self.words: list[str] = []
        self.feed(html)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = given["id"] or ""
            self.tables[self._table], self.columns[self._table] = [], []
        elif tag == "th" and given.get("scope") == "col":
            self.columns[self._table].append(given.get("data-column") or "")
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self._text = []
        elif tag == "script":
            self._script = given.get("id")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in ("td", "th") and self._text is not None:
            row = self.tables[self._table][-1]
            row.append((self.columns[self._table][len(row)], "".join(self._text)))
            self._text = None
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)
        if self._script is not None:
            self.packed[self._script] = data
        elif self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words that are shown, spaces made one."""
        return " ".join(" ".join(self.words).split())

    @property
    def data(self) -> dict[str, Any]:
        """The figures and choosers that the page's script gets."""
        content = json.loads(gzip.decompress(base64.b64decode(self.packed["page-data"])))
        assert isinstance(content, dict)
        return content

    def rows(self, table: str) -> list[dict[str, str]]:
        """A table's rows by column, without its header."""
        return [dict(row) for row in self.tables[table][1:]]


def agrees(text: str, value: float | None) -> bool:
    """Whether a text is a number rounded to the digits that it shows; `—` and `open` are undefined."""
    if text in ("—", "", "open"):
        return value is None
    if value is None:
        return False
    bare = text.replace(",", "").replace("±", "")
    scale = 100 if bare.endswith("%") else 1
    shown = Decimal(re.sub(r"[%+]", "", bare))
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int)
    half = Decimal(10) ** exponent / 2
    return abs(Decimal(value) * scale - shown) <= half * (1 + Decimal("1e-9"))
