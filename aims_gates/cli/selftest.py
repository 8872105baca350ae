"""``aims-gates selftest``: published figures, recomputed on this machine."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aims_gates.attestation.signing.envelope import Envelope, sign, statement
from aims_gates.attestation.signing.keys import Key
from aims_gates.cli.options import as_json, echo, emit, key_option, progress, settings_options, table
from aims_gates.documents.canonical import plain
from aims_gates.errors import InputError
from aims_gates.model import Subject
from aims_gates.settings import Settings, maybe_signer

if TYPE_CHECKING:
    from aims_gates.evaluation.selftest import Sheet

__all__ = ["command"]

DISAGREES = 2
#: Of the signed sheet. No ledger takes it: it is about a machine, not about a model.
PREDICATE_TYPE = "aims-gates:selftest/v1"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog="Example: aims-gates selftest --output selftest.json --key me.key")
@click.option("--output", type=_FILE, help="Write the sheet there, signed (DSSE) where there is a key.")
@click.option("--verify", "sheet_file", type=_FILE, help="Recompute nothing; verify this signed sheet and show it.")
@click.option("--trusted-key", "trusted", type=_FILE, multiple=True, help="With --verify: a public key. Repeatable.")
@key_option
@settings_options
@as_json
def command(
    output: Path | None,
    sheet_file: Path | None,
    trusted: tuple[Path, ...],
    key: Path | None,
    settings: Settings,
    json_: bool,
) -> int:
    """Recompute published figures on this machine, by the same functions and gates that judge a model.

    Each figure is listed with its source, the number as printed, the number here, and the tolerance: half a unit of the
    last printed digit. The sheet names the code by its digest, the machine and the libraries. A model's data are not
    needed, nor MLflow, nor a network.

    The exit code is 0 where every figure agrees, 2 where one does not or could not be computed.
    """
    if sheet_file is not None:
        if output is not None or key is not None:
            raise click.UsageError("--verify recomputes nothing: leave out --output and --key")
        content = _verified(sheet_file, trusted)
        emit(content, json_, lambda: _text(content, f"signed; {sheet_file} holds"))
        return 0 if content["agree"] == content["of"] > 0 else DISAGREES
    if trusted:
        raise click.UsageError("--trusted-key goes with --verify")
    if key is not None and output is None:
        raise click.UsageError("--key signs a file: add --output FILE")
    signing = maybe_signer(settings, key) if output is not None else None
    content, signed = _recomputed(output, signing)
    emit(content, json_, lambda: _text(content, signed))
    return 0 if content["agree"] == content["of"] > 0 else DISAGREES


def _recomputed(output: Path | None, key: Key | None) -> tuple[dict[str, Any], str]:
    """The sheet as JSON, written where that was asked for, and what is to be said of its signature."""
    from aims_gates.evaluation.selftest import published, recompute, sheet
    from aims_gates.reports import put

    start = time.monotonic()
    with progress() as shown:
        rows = recompute(published(), progress=shown)
    result = sheet(rows, datetime.now(UTC), time.monotonic() - start)
    content: dict[str, Any] = plain(result)
    if output is None:
        return content, "not signed: add --output FILE --key KEY"
    written = content if key is None else _signed(result, key).to_json()
    put(json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False) + "\n", output)
    echo(f"wrote {output}", err=True)
    return content, "not signed: add --key KEY" if key is None else f"signed by {key.public[:12]}..."


def _signed(sheet: "Sheet", key: Key) -> Envelope:
    """The sheet as a signed in-toto statement about this code."""
    subject = Subject("service", sheet.code, f"aims-gates {sheet.version}")
    return sign(statement(PREDICATE_TYPE, sheet, subject), key)


def _verified(path: Path, trusted: tuple[Path, ...]) -> dict[str, Any]:
    """The sheet in a signed file.

    Raises:
        InputError: no key is named, or the file holds something else.
        IntegrityError: no signature of a trusted key holds.
    """
    from aims_gates.attestation.signing.envelope import open_envelope
    from aims_gates.attestation.signing.keys import read_public
    from aims_gates.documents.strict_yaml import parse, read_bytes, read_json
    from aims_gates.evaluation.selftest import Sheet

    if not trusted:
        raise InputError("no key is trusted", where="--verify", remedy="Add --trusted-key FILE.pub, the signer's key.")
    envelope = Envelope.from_json(read_json(read_bytes(path), str(path)).value, str(path))
    opened, _ = open_envelope(envelope, [read_public(file) for file in trusted], str(path))
    if opened.type != PREDICATE_TYPE:
        raise InputError("it is no sheet of a self-test", where=str(path), remedy="Name what selftest --output wrote.")
    sheet = parse(Sheet, opened.predicate, str(path))
    if sheet.of != len(sheet.figures) or sheet.agree != sum(row.ok for row in sheet.figures):
        raise InputError("its totals are not those of its rows", where=str(path), remedy="Run the self-test again.")
    content: dict[str, Any] = plain(sheet)
    return content


def _text(content: Mapping[str, Any], signed: str) -> str:
    rows = [
        (
            "ok" if row["ok"] else "NO",
            row["id"],
            row["published"],
            f"{row['recomputed']:.10g}" if row["recomputed"] is not None else row["note"] or "-",
            f"{row['tolerance']:.2g}",
        )
        for row in content["figures"]
    ]
    sources: dict[str, dict[str, None]] = {}
    for row in content["figures"]:
        sources.setdefault(row["source"], {})[row["id"].split("/")[0]] = None
    machine = content["machine"]
    lines = [table(("", "FIGURE", "PUBLISHED", "HERE", "TOLERANCE"), rows), "", "Sources:"]
    lines += [f"  {', '.join(examples)}: {source}" for source, examples in sources.items()]
    lines += [
        "",
        f"{content['agree']} of {content['of']} published figures agree ({content['seconds']} s); {signed}.",
        f"aims-gates {content['version']}, code {content['code']}, Python {machine['python']} on {machine['system']}",
    ]
    return "\n".join(lines)
