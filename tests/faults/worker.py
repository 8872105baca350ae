"""Registry acts in processes that may be killed: imported once, forked for each act.

Run as a script it reads one JSON task a line and answers with one JSON line: ``{"code": ..., "statements": ...}``. A
task names a database and what to do; ``kill_at`` kills the process (SIGKILL) just before its n-th SQL statement or
commit, ``kill_after`` so many seconds after its act began, wherever it then is. Answers hold ``seconds`` of an act that
came to its end, ``statements`` and whether the last of them was a commit. With ``rehearse`` the act is done once before
the first fork, so that no child has to import and compile for itself; of that no connection is left.
"""

import gc
import json
import mmap
import os
import random
import select
import signal
import sys
import time
import warnings
from collections import Counter
from contextlib import suppress
from typing import Any

import sqlalchemy

#: What a child got to, seen by its parent after it was killed: a byte of statements, and one for a commit.
_SEEN = mmap.mmap(-1, 2)
_BEGUN = b"\n"


def _counting(engine: Any, kill_at: int | None) -> None:
    """Count SQL statements and commits of an engine; die before the one that is named."""

    def step(commit: bool) -> None:
        _SEEN[0], _SEEN[1] = min(_SEEN[0] + 1, 255), commit
        if _SEEN[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *_: step(False))
    sqlalchemy.event.listen(engine, "commit", lambda *_: step(True))


def _promote(store: Any, task: dict[str, Any]) -> None:
    if task.get("stage"):
        store.transition_model_version_stage(task["name"], task["version"], task["stage"], True)
    elif task.get("delete"):
        store.delete_registered_model_alias(task["name"], "production")
    else:
        store.set_registered_model_alias(task["name"], "production", task["version"])


def _act(task: dict[str, Any], answer: int) -> int:
    from mlflow.exceptions import MlflowException

    from aims_gates.mlflow_plugin.store.store import gated_store

    store = gated_store(task["uri"])
    _counting(store.engine, task.get("kill_at"))
    code, begun = 0, time.monotonic()
    os.write(answer, _BEGUN)
    try:
        _promote(store, task)
    except MlflowException as error:
        code = error.get_http_status_code()
    os.write(answer, json.dumps({"code": code, "seconds": time.monotonic() - begun}).encode())
    return 0


def _rehearse(task: dict[str, Any]) -> dict[str, Any]:
    from aims_gates.mlflow_plugin.store.store import gated_store

    before = dict(os.environ)
    os.environ.update(task.get("environment", {}))
    store = gated_store(task["uri"])
    _promote(store, task)
    store._dispose_engine()
    os.environ.clear()
    os.environ.update(before)
    gc.collect()
    gc.freeze()  # what is there already need not be copied when a child counts its references
    return {"code": 0, "exit": 0}


#: How often each act comes up; what renews is a new piece of evidence and a request.
_ACTS = {"promote": 4, "approve": 3, "renew": 2, "revoke": 1}


def _crowd(task: dict[str, Any], answer: int) -> int:
    """One of several at once: promote, approve, renew and revoke in random order.

    Counts its answers by HTTP code, and the statements whose transaction was committed, by type.
    """
    from mlflow.exceptions import MlflowException

    from aims_gates.errors import AimsGatesError
    from aims_gates.mlflow_plugin.store.store import gated_store

    said, wrote = _sayings(task), Counter[str]()
    store, dice, counts = gated_store(task["uri"]), random.Random(task["seed"]), Counter[str]()
    for act in dice.choices(list(_ACTS), list(_ACTS.values()), k=task["times"]):
        version, code = dice.randint(1, 2), 200
        try:
            if act == "promote":
                store.set_registered_model_alias(task["name"], "production", version)
            else:
                wrote.update(said(store, act, version))
        except MlflowException as error:
            code = error.get_http_status_code()
        except AimsGatesError:
            code = 403
        counts[f"{act} {code}"] += 1
    os.write(answer, json.dumps({"code": 0, "counts": counts, "wrote": wrote}).encode())
    return 0


def _sayings(task: dict[str, Any]) -> Any:
    """Signed statements of the test's people, appended in the store's own transaction; gives their types."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from aims_gates import ledger
    from aims_gates.attestation.signing.envelope import sign
    from aims_gates.attestation.signing.keys import Key
    from aims_gates.attestation.statements.people import Approval, Revocation
    from aims_gates.attestation.statements.types import type_of
    from aims_gates.attestation.statements.wording import say
    from aims_gates.decision.in_force import StatementView
    from aims_gates.decision.rules import frozen
    from aims_gates.ledger.registry_acts import about
    from aims_gates.model import Evidence, Subject

    keys = {name: Key(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))) for name, seed in task["keys"].items()}

    def append(transaction: Any, predicate: Any, subject: str, by: str) -> str:
        made = sign(say(predicate, Subject("model", subject)), keys[by])
        return str(ledger.append(transaction.connection, made, datetime.now(UTC)).type)

    def saying(store: Any, act: str, version: int) -> list[str]:
        subject, now = task["subjects"][str(version)], datetime.now(UTC)
        with store.transaction() as transaction:
            seen = StatementView(
                about(transaction.connection, "default", task["name"], subject), "default", task["name"]
            )
            asked = seen.latest_request(str(version))
            if act == "approve":
                return [append(transaction, Approval(asked.digest, "risk"), subject, "risk")]
            last = [row for row in seen.rows if row.type == type_of(Evidence)][-1]
            if act == "revoke":
                reason = f"found wrong at {now.isoformat()}"  # the same said twice would be one statement
                return [append(transaction, Revocation(last.digest, reason), subject, "ci")]
            wrote = [append(transaction, replace(last.predicate, produced_at=now.isoformat()), subject, "ci")]
            seen = StatementView(
                about(transaction.connection, "default", task["name"], subject), "default", task["name"]
            )
            plan = seen.binding().predicate.plan
            counted = [seen.count(plan, step, subject, now) for step in plan.steps]
            again = replace(asked.predicate, evidence=frozen(counted), said_at="")
            return [*wrote, append(transaction, again, subject, "dev")]

    return saying


def _forked(task: dict[str, Any]) -> tuple[int, int]:
    reading, writing = os.pipe()
    _SEEN[:] = bytes(2)
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 70
    try:
        os.close(reading)
        os.environ.update(task.get("environment", {}))
        code = (_crowd if task.get("crowd") else _act)(task, writing)
    except BaseException as error:  # noqa: BLE001 - a forked child ends here, whatever happened
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(code)


def _answer(pid: int, reading: int, after: float | None) -> dict[str, Any]:
    if after is not None:
        os.read(reading, len(_BEGUN))
        if not select.select([reading], [], [], after)[0]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading) as answered:
        text = answered.read().strip()
    _, status = os.waitpid(pid, 0)
    ended = {"killed": os.WIFSIGNALED(status), "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None}
    return {**(json.loads(text) if text else {}), **ended, "statements": _SEEN[0], "commit": bool(_SEEN[1])}


def main() -> None:
    """Serve tasks until standard input ends."""
    warnings.simplefilter("ignore")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow.store.model_registry.sqlalchemy_store  # noqa: F401

    import aims_gates.mlflow_plugin.store.store  # noqa: F401

    for line in sys.stdin:
        tasks = json.loads(line)
        if isinstance(tasks, dict) and tasks.get("rehearse"):
            print(json.dumps(_rehearse(tasks)), flush=True)
            continue
        many = tasks if isinstance(tasks, list) else [tasks]
        started = [(*_forked(task), task.get("kill_after")) for task in many]
        answers = [_answer(*each) for each in started]
        print(json.dumps(answers if isinstance(tasks, list) else answers[0]), flush=True)


if __name__ == "__main__":
    main()
