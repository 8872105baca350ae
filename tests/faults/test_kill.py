"""kill -9 at every statement of a promotion and at random: registry and ledger tell one story afterwards.

``AIMS_GATES_SOAK_KILLS`` sets how many rounds at random times follow those at each statement (default 8; 1,000 in a
long run).
"""

import os
import random
from typing import Any

import pytest

from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.verify import verify
from aims_gates.registry.reconcile import reconcile

ROUNDS = int(os.environ.get("AIMS_GATES_SOAK_KILLS", "8"))


def story(prepared: Any) -> list[str]:
    """What the ledger and the registry disagree on."""
    from pathlib import Path

    destination = os.environ.get("AIMS_GATES_ARTIFACTS_DESTINATION")
    with open_ledger(prepared.uri) as connection:
        found = verify(connection)
        return [*found.problems, *reconcile(connection, Path(destination) if destination else None)]


@pytest.mark.parametrize("act", ["alias", "stage", "delete"])
def test_a_promotion_killed_at_any_statement_leaves_one_story(prepared: Any, worker: Any, act: str) -> None:
    more: dict[str, Any] = {"alias": {}, "stage": {"stage": "Production"}, "delete": {"delete": True}}[act]
    first = worker(prepared.task(version=1, **({} if act == "delete" else more)))
    assert (first["code"], first["exit"]) == (0, 0), "the promotion itself goes through"
    whole = worker(prepared.task(version=2, **more))
    assert whole["code"] == 0 and whole["statements"] > 5
    step = {"alias": 1, "stage": 6, "delete": 6}[act] * (1 if "sqlite" in prepared.uri or ROUNDS > 100 else 4)
    for place in range(1, whole["statements"] + 1, step):
        if act == "delete":
            worker(prepared.task(version=1))
        done = worker(prepared.task(version=1 + place % 2, kill_at=place, **more))
        assert done["killed"] or done["exit"] == 0
        assert story(prepared) == [], f"killed before statement {place}"
    again = worker(prepared.task(version=1, **({} if act == "delete" else more)))
    assert again["code"] == 0, "nothing is left locked or half done"


def test_promotions_killed_at_random_leave_one_story(prepared: Any, worker: Any) -> None:
    dice = random.Random(42001)
    killed = 0
    for number in range(ROUNDS):
        done = worker(prepared.task(version=1 + number % 2, times=50, kill_after=dice.uniform(0.02, 0.6)))
        killed += done["killed"]
        if number % 10 == 9 or number == ROUNDS - 1:
            assert story(prepared) == [], f"after round {number}"
    assert killed > ROUNDS // 4
