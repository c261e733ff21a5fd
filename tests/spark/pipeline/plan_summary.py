"""A physical plan in the lines that cost: scans, shuffles, sorts, joins, windows and Python stages.

Made from what `explain("formatted")` prints, without numbers of expressions and folders, so that it is the same each
time. Rows that the driver knows already, and what is done to them before they meet a log, are one line.
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

RENEW = "ABSPARK_RENEW_PLANS"
"""Environment variable that has the golden summaries written instead of compared."""
_NODE = re.compile(r"(?P<indent>[ :|+-]*)(?:\* )?(?P<name>\S.*?) +\((?P<number>\d+)\)")
_TITLE = re.compile(r"\((\d+)\) ")
_EXPRESSION_ID = re.compile(r"#\d+L?")
_PYTHON = re.compile("Python|InPandas|InArrow")
_ROWS_OF_THE_DRIVER = ("LocalTableScan", "Range", "OneRowRelation", "RDDScan")


@dataclass
class _Node:
    name: str
    details: str
    children: list[_Node] = field(default_factory=list)

    def detail(self, name: str) -> str:
        found = re.search(rf"^{name}(?: \[\d+\])?: ?(.*)$", self.details, re.MULTILINE)
        return _EXPRESSION_ID.sub("", found[1]) if found else ""

    def leaves(self) -> Iterator[_Node]:
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def plan_summary(plan: str) -> str:
    """The lines that cost of a plan as `explain("formatted")` prints it; what a line reads is indented below it."""
    blocks = plan.split("\n\n")
    details = {found[1]: block for block in blocks if (found := _TITLE.match(block.strip()))}
    tree = plan.partition("== Physical Plan ==\n")[2].partition("\n\n")[0]
    assert "Subqueries" not in plan, "a summary has no place for subqueries"
    return "\n".join(_lines(_parsed(tree.splitlines(), details), 0))


def _parsed(lines: Iterable[str], details: Mapping[str, str]) -> _Node:
    root = _Node("", "")
    above = {-1: root}
    for line in lines:
        found = _NODE.fullmatch(line)
        assert found, line
        depth = len(found["indent"]) // 3
        node = _Node(found["name"], details[found["number"]])
        above[depth - 1].children.append(node)
        above[depth] = node
    return root


def _lines(node: _Node, depth: int) -> Iterator[str]:
    if all(leaf.name in _ROWS_OF_THE_DRIVER for leaf in node.leaves()):
        yield f"{'  ' * depth}rows of the driver"
        return
    said = _said(node)
    if said:
        yield "  " * depth + said
    for child in node.children:
        yield from _lines(child, depth + bool(said))


def _said(node: _Node) -> str:
    name = node.name
    if name.startswith("Scan"):
        return _scan(node)
    if name == "Exchange":
        kind = re.sub(r", (?:ENSURE_REQ|REPARTITION|\[plan_id).*", "", node.detail("Arguments"))
        return f"shuffle {kind}, rows of {_width(node.detail('Input'))}"
    if name == "BroadcastExchange":
        return f"broadcast rows of {_width(node.detail('Input'))}"
    if name == "Sort":
        return f"sort {node.detail('Arguments').rpartition('],')[0].replace(' ASC NULLS FIRST', '')}]"
    if name == "Window":
        return f"window {node.detail('Arguments').partition('windowspecdefinition(')[2].partition(', specified')[0]}"
    if "Join" in name or "Product" in name:
        return f"{name} {node.detail('Left keys')} = {node.detail('Right keys')}"
    return f"PYTHON {name}" if _PYTHON.search(name) else ""


def _scan(node: _Node) -> str:
    place = re.search(r"/([^/\]]+)\]", node.detail("Location"))
    columns = re.findall(r"[<,](\w+):", re.sub(r"(?<=:)\w+<[^<>]*>", "", node.detail("ReadSchema")))
    parts = [f"scan {place[1] if place else node.name}", f"columns {', '.join(columns)}"]
    pushed = {"pushed": node.detail("PushedFilters"), "partitions": node.detail("PartitionFilters")}
    return "; ".join([*parts, *(f"{name} {value}" for name, value in pushed.items() if value)])


def _width(columns: str) -> str:
    count = columns.count(",") + 1
    return f"{count} column{'' if count == 1 else 's'}"


def assert_golden(shape: str, plans: Mapping[str, str], folder: Path) -> None:
    """The summaries of a shape's plans, by what each is for, are those of its file; else the difference is told."""
    made = "\n".join(f"# {name}\n{plan_summary(plan)}\n" for name, plan in plans.items())
    path = folder / f"{shape}.txt"
    if os.environ.get(RENEW):
        path.write_text(made)
    golden = path.read_text() if path.exists() else ""
    told = "\n".join(difference(golden, made))
    assert not told, f"the plan in {path} has changed; if it should, {RENEW}=1 writes it anew:\n{told}"


def difference(golden: str, made: str) -> list[str]:
    """What a plan has gained and lost, whatever stands where; then the lines that differ, in their places."""
    before, now = (Counter(map(str.strip, text.splitlines())) for text in (golden, made))
    changes = (("gained", now - before), ("lost", before - now))
    said = [f"{what}: {line}" for what, lines in changes for line in lines.elements()]
    return [
        *said,
        *difflib.unified_diff(golden.splitlines(), made.splitlines(), "golden", "now", lineterm="", n=2),
    ]
