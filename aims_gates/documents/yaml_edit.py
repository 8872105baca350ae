"""Exact edits of YAML text: a value is replaced where it stands, and every other byte stays.

Comments, order, quotes and line ends survive, because nothing is written anew.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aims_gates.documents.yaml_values import Place

__all__ = ["replaced"]


def replaced(text: str, values: Mapping[Place, Any], write: Callable[[Any], str]) -> str:
    """The text with other values at some places.

    A list in the place of an entry of a list becomes several entries. Where an entry has become the same as another of
    its list, the later of the two is taken out.

    Args:
        text: A YAML document that the strict reader takes.
        values: New values by place; each place holds a single value, no list or mapping.
        write: A single value on one line of YAML, as it can stand in a flow list too.

    Raises:
        KeyError: there is no such place, or it holds a list or a mapping.
    """
    nodes = dict(_nodes(_root(text), ()))
    edits = [_edit(text, nodes, place, value, write) for place, value in values.items()]
    text = _applied(text, edits)
    entries = {place[: end + 1] for place in values for end in range(len(place)) if isinstance(place[end], int)}
    for place in sorted(entries, key=len, reverse=True):
        text = _without_repeat(text, place)
    return text


@lru_cache(maxsize=64)
def _root(text: str) -> Node:
    """The document's nodes; kept, because one answer after the other goes into the same file."""
    root: Node = YAML(typ="safe", pure=True).compose(text)
    return root


def _nodes(node: Node, place: Place) -> Iterator[tuple[Place, Node]]:
    yield place, node
    if isinstance(node, SequenceNode):
        for index, part in enumerate(node.value):
            yield from _nodes(part, (*place, index))
    elif isinstance(node, MappingNode):
        for key, part in node.value:
            yield from _nodes(part, (*place, str(key.value)))


_Edit = tuple[int, int, str]


def _edit(text: str, nodes: Mapping[Place, Node], place: Place, value: Any, write: Callable[[Any], str]) -> _Edit:
    node = nodes[place]
    if not isinstance(node, ScalarNode):
        raise KeyError(place)
    start, end = node.start_mark.index, node.end_mark.index
    between = ", "
    if place and isinstance(around := nodes[place[:-1]], SequenceNode) and not around.flow_style:
        between = f"\n{' ' * max(node.start_mark.column - 2, 0)}- "
    new = between.join(map(write, value)) if isinstance(value, list) else write(value)
    lines = "\n" if node.style in ("|", ">") and text[end - 1 : end] == "\n" else ""
    return start, end, new + lines


def _applied(text: str, edits: list[_Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _without_repeat(text: str, place: Place) -> str:
    """Without the later of two entries that are the same, one of which stands at a place."""
    nodes = dict(_nodes(_root(text), ()))
    around = nodes[place[:-1]]
    if not isinstance(around, SequenceNode):
        return text
    entries: list[Node] = around.value
    twins = [index for index, entry in enumerate(entries) if _same(entry, nodes[place])] if place in nodes else []
    if len(twins) < 2:
        return text
    return _applied(text, [(*_span(text, entries, twins[-1], flow=bool(around.flow_style)), "")])


def _same(one: Node, other: Node) -> bool:
    def content(node: Node) -> list[tuple[Place, str]]:
        return [(place, part.value) for place, part in _nodes(node, ()) if isinstance(part, ScalarNode)]

    return content(one) == content(other)


def _span(text: str, entries: list[Node], index: int, *, flow: bool) -> tuple[int, int]:
    """From where to where an entry stands with what parts it from its neighbours."""
    if flow:
        return entries[index - 1].end_mark.index, entries[index].end_mark.index
    last = [part for _, part in _nodes(entries[index], ()) if isinstance(part, ScalarNode)][-1]
    start = text.rfind("\n", 0, entries[index].start_mark.index) + 1
    line_end = re.compile("\n|$").search(text, last.end_mark.index)
    return start, len(text) if line_end is None else line_end.end()
