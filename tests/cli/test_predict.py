"""``aims-gates predict --perturb``: one signed statement carries the digests of all tables."""

import base64
import json
from pathlib import Path
from types import ModuleType

from aims_gates.documents.canonical import digest_file

from .conftest import Command


def test_the_signed_statement_names_every_table(shop_folder: Path, shops: ModuleType, command: Command) -> None:
    asked, out = shop_folder / "perturb.yaml", shop_folder / "predictions.parquet"
    asked.write_text("permute: [x]\nrepeats: 1\nsearch: {bounds: {x: 1.0}, tries: 2, rounds: 1}\n")
    key = ["--key", str(shop_folder / "keys" / "ci.key")]
    where = shops.where_flags(shop_folder)
    flags = ["--model", "loans", "--version", "1", "--out", str(out), "--perturb", str(asked)]
    said = command("predict", *flags, *key, *where)
    assert said.code == 0, said.err
    envelope = json.loads((shop_folder / "predictions.parquet.dsse.json").read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    tables = statement["predicate"]["tables"]
    assert tables == {
        role: digest_file(shop_folder / f"predictions.{role}.parquet") for role in ("perturbed", "attacks")
    }
    assert statement["predicate"]["output"] == digest_file(out)
    assert len(envelope["signatures"]) == 1


def test_a_file_that_asks_for_nothing_is_refused_before_the_model_runs(
    shop_folder: Path, shops: ModuleType, command: Command
) -> None:
    asked, out = shop_folder / "nothing.yaml", shop_folder / "none.parquet"
    asked.write_text("seed: 1\n")
    key = ["--key", str(shop_folder / "keys" / "ci.key")]
    flags = ["--model", "loans", "--version", "1", "--out", str(out), "--perturb", str(asked)]
    said = command("predict", *flags, *key, *shops.where_flags(shop_folder))
    assert said.code == 1
    assert "no perturbation" in said.err
    assert not out.exists()
