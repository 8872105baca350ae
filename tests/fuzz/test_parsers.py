"""Every parser of outside bytes: whatever comes in, a value or an error of ours comes out, and soon.

``AIMS_GATES_FUZZ_EXAMPLES`` sets the examples for each parser (default 150; 100,000 in a long run). Each document is
given to every parser: to make one takes longer than to read it.
"""

import atexit
import gc
import itertools
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import celpy
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from aims_gates.attestation.signing.envelope import Envelope, Statement, open_envelope
from aims_gates.attestation.signing.keys import read_private, read_public
from aims_gates.attestation.statements.wording import predicate_of
from aims_gates.data.dataset import Dataset
from aims_gates.documents.strict_yaml import parse, read, read_json, read_yaml
from aims_gates.errors import AimsGatesError
from aims_gates.governance.classification.answers import read_answers
from aims_gates.ledger.checkpoint import read_checkpoint
from aims_gates.ledger.export import verify_export
from aims_gates.ledger.row import read_body
from aims_gates.packs.cel import Lacking, Names
from aims_gates.packs.manifest import Manifest
from aims_gates.profiles import Profile
from aims_gates.settings import load
from aims_gates.workflow.portable_grant import verify_grant

#: Its first environment sets the recursion limit: before Hypothesis looks at it.
celpy.Environment()

EXAMPLES = int(os.environ.get("AIMS_GATES_FUZZ_EXAMPLES", "150"))
KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
KEYS = (KEY, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SLOWEST = 1.0
SEED = os.environ.get("AIMS_GATES_SOAK_SEED", "42001")
#: Hypothesis remembers every example that it made: after so many it begins anew.
TURN = 5000

_WORDS = (
    "_type subject predicate predicateType payload payloadType signatures sig keyid digest sha256 name id controls "
    "gates at envelope statement format row path size root"
)
_words = st.sampled_from(_WORDS.split())
_leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "https://in-toto.io/Statement/v1",
            "application/vnd.in-toto+json",
            "sha256:" + "0" * 64,
            "2026-01-01",
            "",
            "A.5.2",
        ]
    )
)
_tree = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words | st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)
_PIECES = [
    b"{",
    b"[",
    b"- ",
    b"a: ",
    b"\n",
    b"  ",
    b"&a ",
    b"*a",
    b"!!x ",
    b"1e999",
    b'"',
    b": ",
    b"? ",
    b"%YAML 1.1\n",
]
_documents = (
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | _tree.map(lambda tree: json.dumps(tree).encode())
    | st.lists(st.sampled_from(_PIECES), max_size=60).map(b"".join)
)  # fmt: skip


FOLDER = Path(tempfile.mkdtemp(prefix="aims-gates-fuzz-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def _file(name: str, use: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    """A parser of files, fed with bytes; each has a folder of its own."""
    path = FOLDER / name.replace(".", "-") / name
    path.parent.mkdir()

    def fed(data: bytes) -> Any:
        path.write_bytes(data)
        return use(path)

    return fed


def _envelope(data: bytes) -> Any:
    envelope = Envelope.from_json(read_json(data, "fuzz").value)
    return open_envelope(envelope, [KEY])


def _statement(data: bytes) -> Any:
    return predicate_of(Statement(data))


# The first evaluation raises Python's recursion limit, which hypothesis watches.
Names(date(2026, 11, 1), {}).evaluate("true")


def _expression(data: bytes) -> Any:
    try:
        return Names(date(2026, 11, 1), {}).evaluate(data.decode("utf-8", "replace"))
    except Lacking as lacking:
        return str(lacking)


def _table(path: Path) -> Any:
    found = Dataset.open(path, role="evaluation")
    return found.rows, found.columns


PARSERS: dict[str, Callable[[bytes], Any]] = {
    "yaml": lambda data: read_yaml(data, "fuzz"),
    "json": lambda data: read_json(data, "fuzz"),
    "gate manifest": lambda data: parse(Manifest, read_yaml(data, "fuzz")),
    "profile": lambda data: parse(Profile, read_yaml(data, "fuzz")),
    "expression": _expression,
    "envelope": _envelope,
    "statement": _statement,
    "ledger row": lambda data: read_body(data.decode("utf-8", "replace"), 0, [KEY]),
    "checkpoint": _file("checkpoint.json", read_checkpoint),
    "export": _file("export.jsonl", verify_export),
    "portable grant": _file("grant.json", lambda path: verify_grant(path, path.parent, KEYS, datetime.now(UTC))),
    "settings": _file("aims.yaml", load),
    "answers": _file("answers.yaml", lambda path: read_answers(read(path), today=date(2026, 11, 1))),
    "private key": _file("a.key", lambda path: (path.chmod(0o600), read_private(path))),
    "public key": _file("a.pub", read_public),
    "csv": _file("data.csv", _table),
    "parquet": _file("data.parquet", _table),
}  # fmt: skip


def _seconds(name: str, data: bytes) -> float:
    """Read it; gives the CPU seconds, without the garbage collector going through all that hypothesis remembers."""
    gc.disable()
    begun = time.process_time()
    try:
        PARSERS[name](data)
    except AimsGatesError as error:
        assert error.message, name
    except Exception as error:
        error.add_note(f"by the parser of {name}: {data!r}")
        raise
    finally:
        took = time.process_time() - begun
        gc.enable()
    return took


#: Read by an engine that takes some milliseconds to begin: of these, each fifth document.
_TABLES = {"csv", "parquet"}


def test_whatever_comes_in_a_value_or_an_error_of_ours_comes_out(
    record_property: Callable[[str, object], None],
) -> None:
    slowest, read, number = dict.fromkeys(PARSERS, 0.0), Counter[str](), itertools.count()
    slow: dict[str, bytes] = {}

    def fuzz(data: bytes) -> None:
        fifth = next(number) % 5 == 0
        for name in PARSERS:
            if name in _TABLES and not fifth:
                continue
            took = _seconds(name, data)
            if took > slowest[name]:
                slowest[name], slow[name] = took, data
            read[name] += 1

    try:
        for turn, begin in enumerate(range(0, EXAMPLES, TURN)):
            examples = settings(
                max_examples=min(TURN, EXAMPLES - begin),
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            )
            examples(seed(f"{SEED} {turn}")(given(_documents)(fuzz)))()
    finally:
        record_property("parsers", len(PARSERS))
        record_property("examples for each", min(read[name] for name in PARSERS if name not in _TABLES))
        record_property("for csv and for parquet", min(read[name] for name in _TABLES))
        record_property("slowest in CPU seconds", max(slowest.values()))
    late = {name: (seconds, slow[name]) for name, seconds in slowest.items() if seconds >= SLOWEST}
    assert not late, f"one example took so many seconds of CPU: {late}"
