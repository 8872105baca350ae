"""Which mutants there are: cosmic-ray's operators, and words that change sides (``min`` and ``max``, pass and fail)."""

import ast
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

__all__ = ["Mutant", "mutants"]

# Left out: what breaks annotations (|), what a linter refuses (is a number), and five ways to spoil one sum.
_OPERATORS = re.compile(
    "core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Pow_Mul|FloorDiv_Mul|BitAnd_BitOr)"
    "|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_(LtE|GtE)|LtE_(Lt|Gt)|Gt_(GtE|LtE)|GtE_(Gt|Lt)|Is_IsNot|IsNot_Is)"
    "|ReplaceUnaryOperator_(USub_UAdd|Delete_USub|Delete_Not|Delete_Invert)"
    "|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    "|ReplaceBreakWithContinue|ReplaceContinueWithBreak|NumberReplacer|ZeroIterationForLoop)"
)
#: What makes a fault loud and no answer another.
_SAFE = re.compile(r"(?<=frozen|strict)=(?:True|False)")
_PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("low", "high"),
    ('"pass"', '"fail"'),
    ('"pass"', '"inconclusive"'),
    ('"fail"', '"inconclusive"'),
)


class _Swap(Operator):  # type: ignore[misc]  # cosmic-ray has no types
    """A word, or one of its opposites in its place."""

    def __init__(self, word: str, other: str) -> None:
        self.word, self.other = word, other

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if getattr(node, "value", None) == self.word and not _named_argument(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = self.other
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        return ()


def _named_argument(node: Any) -> bool:
    """Whether it is the name of a parameter or argument: another name would be a type error, which kills too easily."""
    following = node.get_next_leaf()
    return node.parent.type in ("param", "argument") and following is not None and following.value in ("=", ":")


@dataclass(frozen=True)
class Mutant:
    """A file with one thing changed.

    Attributes:
        line: Where, from 1.
        source: The whole file.
        change: The line before and after: ``a < b -> a <= b``.
        within: Whether the line is run by a function, and not when the file is imported.
    """

    line: int
    source: str
    change: str
    within: bool


def mutants(source: str, sample: int | None = None, equivalent: Mapping[str, str] | None = None) -> list[Mutant]:
    """Every mutant of a file but those known as equivalent, or a seeded sample of them, in the order of its lines."""
    inside = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)
    }
    places = list(_places(source))
    if sample is not None and sample < len(places):
        places = random.Random(len(places)).sample(places, sample)
    made: dict[str, Mutant] = {}
    for operator, occurrence, line in places:
        mutated = mutate_code(source, operator, occurrence)
        if mutated is not None and _SAFE.sub("=True", mutated) != _SAFE.sub("=True", source) and _compiles(mutated):
            made[mutated] = Mutant(line, mutated, _change(source, mutated), line in inside)
    known = equivalent or {}
    every = (mutant for mutant in made.values() if mutant.change not in known)
    return sorted(every, key=lambda mutant: (mutant.line, mutant.change))


def _places(source: str) -> Iterator[tuple[Operator, int, int]]:
    """What can be changed: an operator, its how-manieth place, and the line of it."""
    ignored, nodes = _not_run(source), list(ast_nodes(get_ast(source)))
    for operator in _operators():
        positions = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (line, _) in enumerate(positions):
            if line not in ignored:
                yield operator, occurrence, line


def _operators() -> Iterator[Operator]:
    yield from (plugins.get_operator(name)() for name in plugins.operator_names() if _OPERATORS.fullmatch(name))
    for one, other in _PAIRS:
        yield _Swap(one, other)
        yield _Swap(other, one)


def _not_run(source: str) -> set[int]:
    """Lines of annotations and of ``__all__``, and lines that only say something: texts decide nothing."""
    tree = ast.parse(source)
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.AnnAssign) and node.value is None):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def _compiles(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _change(before: str, after: str) -> str:
    lines = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[3:]
    old = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    new = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    return f"{old} -> {new}"
