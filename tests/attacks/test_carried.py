"""A grant file that a CI job makes with its own key alone."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key, new_key
from aims_gates.attestation.statements.evidence import Checkpoint, FirstPortableGrant, PortableGrant
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.wording import say
from aims_gates.cli import main
from aims_gates.documents.canonical import digest_bytes, folder_digest
from aims_gates.ledger import merkle
from aims_gates.model import Subject


def _row(text: str, position: int = 0) -> dict[str, Any]:
    return {"position": position, "body": text, "path": []}


def forged_grant(shape: type, digest: str, key: Key) -> tuple[Any, dict[str, Any]]:
    """A grant of these bytes, row 0 of 1, whose every signature is this key's; and the file that carries it."""
    now, subject = datetime.now(UTC), Subject("model", digest, "loan/2")
    granted = Grant("default", "loan", "2", "production", digest, "x", "production", "enforce", None, "x", "x")
    grant = say(granted, subject)
    row = json.dumps({"at": now.isoformat(), "statement": grant.payload.decode()})
    root = merkle.leaf_hash(row.encode()).hex()
    statement = shape(
        grant=digest_bytes(grant.payload), workspace="default", name="loan", version="2", alias="production",
        digest=digest, system="lending", tier="minimal", profile="lending", mode="enforce", transition="production",
        granted_at=now.isoformat(timespec="seconds"), position=0, size=1, root=root,
        until=(now + timedelta(days=3650 if shape is FirstPortableGrant else 90)).date().isoformat(),
        said_at=now.isoformat(),
    )  # fmt: skip
    envelope = sign(say(statement, subject), key).to_json()
    if shape is FirstPortableGrant:
        return envelope, {"format": "aims-gates:portable-grant/v1", "envelope": envelope, "row": row, "path": []}
    head = sign(say(Checkpoint(1, root, (root,), "00" * 32, said_at=now.isoformat()), subject), key)
    parts = {"grant": _row(row), "basis": [], "trust": [], "checkpoint": head.to_json()}
    return envelope, {"format": "aims-gates:portable-grant/v2", "envelope": envelope, **parts}


@pytest.mark.parametrize("shape", [FirstPortableGrant, PortableGrant])
def test_row_0_of_1_by_the_ci_key_alone_is_refused(
    shape: type, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, key, other = tmp_path / "model", new_key(tmp_path / "ci.key"), new_key(tmp_path / "other.key")
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    envelope, file = forged_grant(shape, folder_digest(folder), key)
    (tmp_path / "out.json").write_text(json.dumps(file))
    command = ["verify-grant", "out.json", "model", "--trusted-key", "ci.pub"]
    expected = 3 if shape is FirstPortableGrant else 5
    assert main([*command, "--trusted-key", "other.pub"]) == expected
    assert main(command) == (3 if shape is FirstPortableGrant else 1)
    assert "these are the bytes" not in capsys.readouterr().out
    assert base64.b64decode(envelope["payload"]) and other.public != key.public
