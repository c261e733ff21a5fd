"""YAML to plain values, strictly, with the line of every key.

Scalars follow YAML 1.2: `true` and `false` are the only booleans; `010`, `on`, `NO` and timestamps stay text
as written. Keys are always text as written. Refused: duplicate keys, tags beyond the core ones, aliases that
contain themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from abspark.config.base import Path

MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 100

_PREFIX: Final = "tag:yaml.org,2002:"
_TRUE: Final = ("true", "True", "TRUE")
_FALSE: Final = ("false", "False", "FALSE")
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOLEAN: Final = re.compile("|".join(_TRUE + _FALSE))

_INDENTED_ALIKE: Final = "; keys of one mapping begin in the same column, and so do the '-' of one list"
_HINTS: Final = {
    "expected ':'": "; a key is followed by a colon and a blank",
    "expected '-' indicator": _INDENTED_ALIKE,
    "expected key": _INDENTED_ALIKE,
    "expected ',' or '}'": "; close what { opens, and put a text with a colon, comma or bracket in it in quotes",
    "expected ',' or ']'": "; close what [ opens, and put a text with a colon, comma or bracket in it in quotes",
}
"""What to do, by what the reader found missing."""

_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc]  # the C loader exists only where PyYAML was built with libyaml
    """PyYAML's composer with the scalar types of YAML 1.2 instead of 1.1."""

    yaml_implicit_resolvers: Final[dict[Any, Any]] = {}


for _kind, _pattern in (("null", _NULL), ("bool", _BOOLEAN), ("int", _INTEGER), ("float", _FLOAT)):
    _Loader.add_implicit_resolver(_PREFIX + _kind, re.compile(f"^(?:{_pattern.pattern})$"), None)


@dataclass(frozen=True)
class Complaint:
    """What is wrong with the text itself, before any key has a meaning; lines count from 1."""

    line: int | None
    path: Path
    message: str


@dataclass
class Document:
    """`data` as plain values; `lines` gives the line of each key and list item by its path."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)

    def line_of(self, path: Path) -> int | None:
        """Line of the key, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


class _UnreadableError(Exception):
    """The document is not worth reading further."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.message)
        self.complaint = complaint


def read_yaml(content: bytes) -> Document:
    """The one document in `content`; what is wrong is in its `complaints`, and then `data` may be partial."""
    document = Document()
    try:
        root = _compose(content)
        if root is None:
            document.complaints.append(Complaint(None, (), "the file is empty"))
        else:
            document.data = _Builder(document).value(root, ())
    except _UnreadableError as error:
        document.complaints.append(error.complaint)
    return document


def _compose(content: bytes) -> yaml.Node | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(Complaint(line, (), "the file is not UTF-8")) from None
    loader = None
    try:
        _refuse_depth(text)
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if (error.problem or "").endswith("expected ':'") and error.context_mark is not None:
            mark = error.context_mark  # the reader stops only at what comes after the key without its colon
        place = None if mark is None else mark.line + 1
        what = ": ".join(part for part in (error.context, error.problem) if part)
        column = 0 if mark is None else mark.column
        raise _UnreadableError(
            Complaint(place, (), f"not valid YAML: {what}{_hint(what, _line(text, place), column)}")
        ) from None
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, position) + 1
        raise _UnreadableError(
            Complaint(line, (), "not valid YAML: a character that YAML does not allow")
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    return node


def _hint(what: str, line: str, column: int) -> str:
    """What to do about what the reader stopped at, where a usual slip is behind it."""
    if "${" in line:
        return "; inside { } or [ ] write '${NAME}' in quotes"
    if line[column : column + 1] == "\t":
        return "; indent with spaces, not with a tab"
    if what.startswith("mapping values are not allowed"):
        in_text = ": " in line[:column]
        return "; a text with a colon and a blank in it must be in quotes" if in_text else _INDENTED_ALIKE
    return next((hint for end, hint in _HINTS.items() if what.endswith(end)), "")


def _line(text: str, place: int | None) -> str:
    lines = text.splitlines()
    return lines[place - 1] if place is not None and place <= len(lines) else ""


def _refuse_depth(text: str) -> None:
    """Refuse deep nesting before anything recurses over it: PyYAML's C composer would crash the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else None
            raise _UnreadableError(Complaint(line, (), "nested too deeply"))


class _Builder:
    """Turns nodes into values and fills the document's lines and complaints."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0
        self.open: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.document.lines.setdefault(path, line)
        self.nodes += 1
        if self.nodes > MAX_NODES or len(self.open) > MAX_DEPTH:
            raise _UnreadableError(Complaint(line, (), "too many values, or nested too deeply"))
        if id(node) in self.open:
            raise _UnreadableError(Complaint(line, path, "an alias must not contain itself"))
        self.open.add(id(node))
        try:
            return self.build(node, path)
        finally:
            self.open.discard(id(node))

    def build(self, node: yaml.Node, path: Path) -> Any:
        tag = node.tag.removeprefix(_PREFIX)
        if isinstance(node, yaml.MappingNode) and tag == "map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and tag == "seq":
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, tag, path)
        return self.complain(node, path, f"the tag {node.tag} is not allowed")

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.complain(key_node, path, "a key must be plain text")
                continue
            key = key_node.value
            line = key_node.start_mark.line + 1
            if key in result:
                first = self.document.lines[(*path, key)]
                self.complain(key_node, (*path, key), f"the key is already given in line {first}")
                continue
            self.document.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result

    def scalar(self, node: yaml.ScalarNode, tag: str, path: Path) -> Any:
        text = node.value
        if tag == "str":
            return text
        if tag == "null" and _NULL.fullmatch(text):
            return None
        if tag == "bool" and _BOOLEAN.fullmatch(text):
            return text in _TRUE
        if tag == "int" and _INTEGER.fullmatch(text):
            return self.integer(node, path)
        if tag == "float" and _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return self.complain(node, path, f"the tag {node.tag} is not allowed here")

    def integer(self, node: yaml.ScalarNode, path: Path) -> int | None:
        try:
            return int(node.value)
        except ValueError:
            self.complain(node, path, "the number has too many digits")
            return None

    def complain(self, node: yaml.Node, path: Path, message: str) -> None:
        self.document.complaints.append(Complaint(node.start_mark.line + 1, path, message))
