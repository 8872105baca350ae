"""The tree of errors that is drawn is the tree there is, with the exit codes that the command line gives."""

import re
from collections.abc import Iterator

from aims_gates import cli, errors
from aims_gates.errors import AimsGatesError


def drawn(error: type[AimsGatesError], branch: str = "", indent: str = "") -> Iterator[str]:
    """A class and all below it, as the docstring draws them; children stand in the order of the module."""
    yield f"{indent}{branch}{error.__name__}"
    below = [cls for cls in error.__subclasses__() if cls.__module__ == errors.__name__]
    inner = indent + {"": "", "|-- ": "|   ", "`-- ": "    "}[branch]
    for cls in below:
        yield from drawn(cls, "`-- " if cls is below[-1] else "|-- ", inner)


def test_the_tree_in_the_docstring_is_that_of_the_classes_with_their_exit_codes() -> None:
    block = errors.__doc__.partition("::\n\n")[2].splitlines()
    rows = [re.fullmatch(r"    (.*\w) +(\d)", line) for line in block]
    assert all(rows), block
    assert [row[1] for row in rows if row] == list(drawn(AimsGatesError))
    for row in rows:
        error = getattr(errors, re.sub(r"\W", "", row[1]))
        assert cli._code(error("it is wrong")) == int(row[2]), error.__name__


def test_every_error_of_the_module_is_in_the_tree_and_public() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes == set(errors.__all__) == {re.sub(r"\W", "", line) for line in drawn(AimsGatesError)}
