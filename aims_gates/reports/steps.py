"""What to do, as people read it: grouped by what has to change, with whether the same version of the model will do."""

from collections import Counter
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

    ``Records: the same version will do (31)`` for 31 actions; a group that comes up again is headed ``Then``.
    """
    heads = [_head(step) for step in steps]
    counts = Counter(heads)
    before = ["", *heads]
    return [
        (step, "" if before[place] == head else "Then" if head in before[: place + 1] else _counted(head, counts[head]))
        for place, (step, head) in enumerate(zip(steps, heads, strict=True))
    ]


def _counted(head: str, count: int) -> str:
    return f"{head} ({count})" if count > 1 else head


def _head(step: Action) -> str:
    version = "a new version is needed" if step.new_version else "the same version will do"
    return f"{_CAUSES[step.cause]}: {version}"
