"""What an approver is about to sign: a record's text against the one that was approved before it."""

from collections.abc import Iterable, Mapping
from difflib import unified_diff
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from aims_gates.attestation.statements.records import RecordApproval
from aims_gates.decision.statements import Statements
from aims_gates.errors import NotFoundError
from aims_gates.ledger import rows
from aims_gates.ledger.table import Source
from aims_gates.portfolio.record_texts import RecordText
from aims_gates.workflow.record_texts import signed_text

__all__ = ["differences"]


def differences(ledger: Source, records: Iterable[RecordText]) -> str:
    """A unified diff of each text, as YAML in the order of its names; one that has no approved text before is named."""
    statements = Statements(rows(ledger, ["records", "trust", "revocation"]), "", "")
    return "\n".join(_difference(ledger, statements, record) for record in records)


def _difference(ledger: Source, statements: Statements, record: RecordText) -> str:
    about = (record.text.record, record.text.system)
    approvals = statements.of(RecordApproval, lambda text: (text.record, text.system) == about)
    before = next((row.predicate.digest for row in reversed(approvals) if row.digest not in statements.revoked), None)
    if before is None:
        return f"{record.text.file}: no text of it was approved before"
    try:
        content = signed_text(ledger, before).content
    except NotFoundError:
        return f"{record.text.file}: the text that was approved before is not kept ({before[7:19]})"
    lines = unified_diff(
        _lines(content), _lines(record.content), f"{record.text.file} {before[7:19]}", "as it now reads"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).rstrip("\n")


def _lines(content: Mapping[str, Any]) -> list[str]:
    """The text as YAML, its names in order, so that layout makes no difference."""
    yaml, out = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = False, 1000, True
    yaml.dump(dict(content), out)
    return out.getvalue().splitlines(keepends=True)
