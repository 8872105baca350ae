"""``aims-gates records probe``: ask the tools and services that a system's record names, and sign what they said."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aims_gates.cli.options import as_json, emit, key_option, settings_options, table
from aims_gates.cli.plan import plan_of
from aims_gates.documents.canonical import plain
from aims_gates.errors import InputError
from aims_gates.governance.records.reader import find_system, read_system, system_names
from aims_gates.ledger import history
from aims_gates.ledger.connect import open_ledger
from aims_gates.settings import Settings, signer
from aims_gates.workflow.requests import sign_and_append

if TYPE_CHECKING:
    from aims_gates.workflow.tool_probe import ToolsOfSystem

__all__ = ["probe"]


@click.command()
@click.argument("system", required=False)
@key_option
@settings_options
@as_json
def probe(system: str | None, key: Path | None, settings: Settings, json_: bool) -> int:
    """Ask the tools and services of SYSTEM whether they are there, and sign what each said. For CI; a server refuses.

    Asked are the `addresses` of its record resources, on hosts that `probe_hosts` of the gate resources lists (in
    system.yaml, or the profile), compared as they are written: https://mlflow.example.org is not http://, nor another
    port. A name that leads to an address inside the network needs that address on the list too. No redirect is
    followed, and no credentials are sent. An answer counts where its status is 200 to 299.

    The key holds the role ci. The statement in the ledger names the record's text, each host and its result; the gate
    resources takes the last in which everything answered (max_probe_days) as done here. Exit code 2 where something
    did not answer.
    """
    from aims_gates.workflow.tool_probe import ask_tools, may_probe, probe_drafts

    signing, tools = signer(settings, key), _tools(settings, system)
    with open_ledger(settings.need_registry()) as ledger:
        trust = history(ledger).current()
    may_probe(trust, signing.public)
    answers = ask_tools(tools)
    with open_ledger(settings.need_registry(), write=True) as ledger:
        rows = [sign_and_append(ledger, draft, signing, datetime.now(UTC))[0] for draft in probe_drafts(tools, answers)]
    value = {
        "system": tools.system,
        "record": tools.digest,
        "tools": [plain(answer) for answer in answers],
        "row": rows[0].digest,
    }
    cells = [(answer.name, answer.host, "yes" if answer.answered else "NO", answer.result) for answer in answers]
    emit(value, json_, lambda: table(("TOOL OR SERVICE", "HOST", "ANSWERED", "RESULT"), cells))
    return 0 if all(answer.answered for answer in answers) else 2


def _tools(settings: Settings, name: str | None) -> "ToolsOfSystem":
    """What is to be asked.

    Raises:
        InputError: no system is named and there are several; it has no record resources, or its profile no such gate.
    """
    from aims_gates.workflow.tool_probe import ToolsOfSystem

    known = sorted(entry for pack in settings.packs for entry in system_names(pack))
    if name is None and len(known) != 1:
        message = f"there are {len(known)} systems here, and none is named"
        raise InputError(message, remedy=f"Name one (systems here: {', '.join(known) or 'none'}).")
    name = name or known[0]
    record = read_system(find_system(list(settings.packs), name), name)
    resources = record.records.get("resources")
    steps = [step for step in plan_of(settings, name).steps if step.gate == "resources"]
    if resources is None:
        remedy = "Write it: aims-gates records new system/resources"
        raise InputError("the system has no record resources", where=str(record.folder), remedy=remedy)
    if not steps:
        remedy = "See: aims-gates plan"
        raise InputError("its profile does not use the gate resources, which lists the hosts", remedy=remedy)
    hosts = frozenset(map(str, steps[0].params["probe_hosts"]))
    system = record.system
    where = str(record.folder / "resources.yaml")
    return ToolsOfSystem(system.workspace, system.models, system.name, dict(resources), where, hosts)
