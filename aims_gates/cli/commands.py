"""The table of commands: which group each is in, the module that it is loaded from, and its sentence in the help.

Groups and commands stand in the order of use. A sentence fits on one line of a terminal of 80 columns.
"""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["COMMANDS", "GROUPS", "RENAMED", "CommandEntry"]


class CommandEntry(NamedTuple):
    """One command.

    Attributes:
        module: Of :mod:`aims_gates.cli`; after a colon the command's name in it, where that is not ``command``.
        summary: What it does, for the list of commands.
    """

    module: str
    summary: str


GROUPS: Mapping[str, Mapping[str, CommandEntry]] = {
    "Start": {
        "init": CommandEntry("init", "Start a pack with one system in an empty folder."),
        "doctor": CommandEntry("doctor", "Say what is wrong with this installation."),
        "selftest": CommandEntry("selftest", "Recompute published figures here; sign the sheet."),
        "try-model": CommandEntry("try_model", "See a model judged: no registry, no key, nothing recorded."),
        "start": CommandEntry("start", "Start a pack from a model; --solo: on to a trial grant."),
        "try": CommandEntry("try_gate", "Run one gate on files; no MLflow, no profile."),
        "glossary": CommandEntry("glossary", "Say what a word means here."),
    },
    "Decide": {
        "plan": CommandEntry("plan", "Show what a system's profile requires."),
        "datasets": CommandEntry("datasets", "Judge training data; list the data registry."),
        "data": CommandEntry("data", "Propose and check the schemas of data files."),
        "predict": CommandEntry("predict", "Run a model on data; write the signed prediction table."),
        "check": CommandEntry("check", "Run the plan's gates on a model; record the evidence."),
        "explain": CommandEntry("explain", "Say what a version lacks, or what a control asks."),
        "promote": CommandEntry("promote", "Stage a version's bytes and set the production alias."),
    },
    "People": {
        "keys": CommandEntry("keys", "Make, trust, rotate, revoke and list keys."),
        "request": CommandEntry("request", "Open, list, show or withdraw a request for promotion."),
        "approve": CommandEntry("approve", "Approve a request, in a role."),
        "reject": CommandEntry("reject", "Reject a request, in a role."),
        "waive": CommandEntry("waive", "Accept a control as unmet for one version, until a date."),
        "acknowledge": CommandEntry("acknowledge", "Sign that you read a policy or finished a course."),
        "revoke": CommandEntry("revoke", "Revoke evidence, an approval, a waiver or a grant."),
        "break-glass": CommandEntry("break_glass", "Order one promotion against unmet controls (two people)."),
    },
    "Operate": {
        "status": CommandEntry("status", "Show where every model stands, in one table."),
        "schedule": CommandEntry("schedule", "Show what is due, and when."),
        "halt": CommandEntry("halt", "Take a model out of production at once (on call)."),
        "rollback": CommandEntry("rollback", "Return to a version granted before (on call)."),
        "resume": CommandEntry("resume", "End a halt: what it stopped loads again."),
        "grant": CommandEntry("grant", "Export a grant to where the model is deployed."),
        "verify-grant": CommandEntry(
            "grant:verify_command", "Check a model folder against an exported grant, offline."
        ),
    },
    "Govern": {
        "rules": CommandEntry("rules", "List the classification's rules, dates and differences."),
        "classify": CommandEntry("classify", "Classify a system: tier, reasons, duties."),
        "systems": CommandEntry("systems", "List the systems of your packs."),
        "system": CommandEntry("system", "Give a system another tier, and see what that asks for."),
        "records": CommandEntry("records", "List, start and check records: policies, roles, plans."),
        "schema": CommandEntry("schema", "Print the JSON Schema of a record."),
        "digest": CommandEntry("digest", "Print the digest of a file, a model folder or a data set."),
        "controls": CommandEntry("controls", "List or show Annex A controls; find other frameworks' places."),
        "gates": CommandEntry("gates", "List, show, start or test gates; draft a data suite."),
        "profile": CommandEntry("profile", "List, start, lint, test, compare, activate profiles."),
        "report": CommandEntry("report", "Write a Statement of Applicability, coverage, and other pages."),
        "bom": CommandEntry("bom", "Write a version's bill of materials (CycloneDX)."),
    },
    "Registry": {
        "adopt": CommandEntry("adopt", "Take in a registry that is already in use."),
        "bind": CommandEntry("bind", "Bind a registered model to a system, under its profile."),
        "server": CommandEntry("server", "Serve MLflow with the gated registry."),
        "ledger": CommandEntry("ledger", "Verify, compare, export or checkpoint the ledger."),
        "db": CommandEntry("db", "Upgrade or check tables and guards; switch open mode."),
        "detach": CommandEntry("detach", "Remove the guards: stock MLflow may write again."),
    },
}

COMMANDS: Mapping[str, CommandEntry] = {name: entry for group in GROUPS.values() for name, entry in group.items()}

#: Old spelling -> the words that replace it. An old spelling works for one release, with a note on standard error.
RENAMED: Mapping[str, tuple[str, ...]] = {"suite": ("gates", "suite")}
