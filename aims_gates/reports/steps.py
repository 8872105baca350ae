"""What to do, as people read it: grouped by what has to change, with whether the same version of the model will do."""

from collections.abc import Mapping, Sequence

from aims_gates.model import Action, Cause

__all__ = ["with_heads"]

_CAUSES: Mapping[Cause, str] = {
    "model": "Model",
    "training-data": "Training data",
    "data": "Data",
    "record": "Records",
    "people": "People",
}


def with_heads(steps: Sequence[Action]) -> list[tuple[Action, str]]:
    """Each action with the head of its group where it begins one, else empty.

    ``Records: the same version will do``; a group that comes up again is headed ``Then``.
    """
    heads: list[tuple[Action, str]] = []
    begun: list[str] = []
    for step in steps:
        version = "a new version is needed" if step.new_version else "the same version will do"
        head = f"{_CAUSES[step.cause]}: {version}"
        again = bool(begun) and begun[-1] == head
        heads.append((step, "" if again else "Then" if head in begun else head))
        begun.append(head)
    return heads
