"""Writes the pages that are made from data: docs/controls, docs/records, docs/gates, docs/profiles,
docs/gate-yaml.md, docs/commands.md, docs/coverage.md, docs/glossary.md, docs/rights.md, docs/system-fields.md.

``python docs/generate.py`` (or ``make docs``) writes them; a test compares what is committed with what this gives.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aims_gates.cli import program
from aims_gates.cli.commands import GROUPS
from aims_gates.decision.rights import FAILING, PARTS, REFUSED_DATA, REVOKING, WITHDRAWING, Right
from aims_gates.decision.system_fields import RULES as FIELD_RULES
from aims_gates.decision.system_fields import SIGNERS
from aims_gates.documents.strict_yaml import read
from aims_gates.governance.controls import DECISION_STEPS, Clause, Control, Criterion, catalogue, clauses, title_of
from aims_gates.governance.controls.crosswalk import FRAMEWORKS
from aims_gates.governance.controls.glossary import SOURCES, glossary
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.record_schemas.base import Part, part_of
from aims_gates.governance.records.reader import System
from aims_gates.governance.records.requirements import Requirements
from aims_gates.model import BASIS_WORDS
from aims_gates.packs.facts import Fact
from aims_gates.packs.find import bundled, find_gates, profile_names
from aims_gates.packs.gate import Gate
from aims_gates.packs.manifest import Manifest
from aims_gates.profiles import GateRule, Profile, read_profile

__all__ = ["pages", "write"]

HERE = Path(__file__).resolve().parent
MADE = "<!-- Made by docs/generate.py. Change the data it is made from, then run: make docs -->"
OURS = "Our own words. The standard's text needs a licensed copy."
RIGHTS = (
    "A revocation (`aims-gates revoke`) lowers trust, so it is for those who gave their word, and for policy owners. "
    "What denies cannot be revoked: it ends by an act of its own. The table is applied when a statement is appended "
    "and again when rows are counted: what somebody says who may not counts for nothing. What the registry wrote of "
    "its own acts, grants aside, stays on record."
)
FIELDS = (
    "`aims-gates bind` looks up here whose signature it wants; the decision looks again. A change that touches what is "
    "given to the system's owner alone may be signed by the person whom the binding before it names as `owner`, with a "
    "key of the role `owner`, as long as the plan, `kind` and `modes` stay as they are. The first binding, every other "
    "change, and every field that is not in the table want a policy owner. Nobody signs their own change. The first "
    "row that fits holds. `aims-gates bind --changed --dry-run` shows it for what changed."
)
COVERING = (
    "Each row is something that governance of AI systems asks for: T themes, C the standard's clauses (1 to 3 scope "
    "and terms), A groups of its Annex A controls, X annexes, R law; `ex` is a worked example. A test derives the "
    "marks: in the folder of `aims-gates init --example credit-scoring` it runs each row's command and gates and looks "
    "at [how their findings are known](basis.md)."
)
COVERAGE = {
    "●": "its command and gates run, and nothing that they rest on is only typed",
    "◐": "in part: something is left, or what it rests on is typed and signed by nobody",
    "○": "not there",
}
#: Records whose shape is checked elsewhere than in aims_gates.governance.record_schemas.
PLAIN: Mapping[str, type[BaseModel]] = {"system/system": System, "system/requirements": Requirements}
#: Records that are written by other commands or tools, and where that is told.
ELSEWHERE = {
    "system/classification": "[classification](../classification.md), written by `aims-gates classify --system NAME`",
    "system/card": "`card.yaml`, the parts of the model card that people write",
    "system/provenance": "`provenance`, the digests of the steps from source to training set",
    "system/bom": "`bom.json`, a CycloneDX bill of materials (`aims-gates bom NAME VERSION --out bom.json`)",
}
GATES = find_gates()


def rights_page() -> str:
    """Who may take back what."""
    head = "| Statement | Who may revoke it | Why | Or, instead |\n|---|---|---|---|"
    lines = [MADE, "", "# Who may take back what", "", RIGHTS, "", head]
    lines += [_right(right) for right in (*REVOKING.values(), FAILING, REFUSED_DATA)]
    lines += ["", "## Withdraw a request", "", "`aims-gates request withdraw`", "", head.replace("revoke", "withdraw")]
    return "\n".join([*lines, _right(WITHDRAWING), ""])


def system_fields_page() -> str:
    """Whose signature a change of each field of system.yaml wants."""
    lines = ["# Whose signature a change of a system wants", "", FIELDS, ""]
    rows = [
        (f"`{rule.field}`{' (added)' if rule.added else ''}", SIGNERS[rule.signer], rule.why) for rule in FIELD_RULES
    ]
    return "\n".join([*lines, *_table(("Field of system.yaml", "Wants", "Why"), rows), ""])


def coverage_page() -> str:
    """What the mission names, row by row: what shows it, how it is known, and what is not there."""
    rows = read(HERE / "coverage.yaml").value["rows"]
    counts = Counter(row["mark"] for row in rows)
    sums = f"{len(rows)} rows: {', '.join(f'{counts[mark]} {mark}' for mark in COVERAGE if counts[mark])}."
    marks = [f"- {mark} {meaning}" for mark, meaning in COVERAGE.items()]
    table = _table(("Row", "What", "Controls", "Shown by", "Known", ""), [_coverage_row(row) for row in rows])
    return _page("What is covered, and how it is known", [COVERING], marks, [sums], table)


def _coverage_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    shown = [_gate(gate, ".") for gate in row.get("gates", ())]
    shown += [f"`aims-gates {row['run']}`"] if "run" in row else []
    basis = BASIS_WORDS[row["basis"]] if "basis" in row else ""
    what = f"{row['what']}; left: {row['left']}" if "left" in row else row["what"]
    controls = ", ".join(_control(control, ".") for control in row.get("controls", ()))
    return row["id"], what, controls, ", ".join(shown), basis, row["mark"]


def _right(right: Right) -> str:
    who = ", ".join(PARTS[part] for part in right.parts) or "**nobody**"
    return f"| {right.what} | {who} | {right.why} | {right.instead} |"


@cache
def _profile(name: str) -> Profile:
    return read_profile(name, GATES).profile


def pages() -> dict[str, str]:
    """Every generated page: path under docs/ -> text."""
    control_pages = {f"controls/{control.id}.md": control_page(control) for control in catalogue().values()}
    control_pages |= {f"gates/{gate.id}.md": gate_page(gate) for gate in _shipped()}
    control_pages |= {f"records/{name}.md": record_page(name, shape) for name, shape in {**PLAIN, **SHAPES}.items()}
    control_pages |= {f"profiles/{name}.md": profile_page(_profile(name)) for name in _profiles()}
    control_pages["rights.md"] = rights_page()
    control_pages["system-fields.md"] = system_fields_page()
    control_pages["controls/README.md"] = controls_index()
    control_pages["controls/criteria.md"] = criteria_page()
    control_pages["gates/README.md"] = gates_index()
    control_pages["gate-yaml.md"] = gate_yaml_page()
    control_pages["records/README.md"] = records_index()
    control_pages["profiles/README.md"] = profiles_index()
    control_pages["glossary.md"] = glossary_page()
    control_pages["commands.md"] = commands_page()
    control_pages["coverage.md"] = coverage_page()
    return {name: f"{MADE}\n\n{text.rstrip()}\n" for name, text in sorted(control_pages.items())}


def write() -> list[str]:
    """Write every page that differs and remove those that are no longer made; gives the names that changed."""
    result = pages()
    changed = []
    for name, text in result.items():
        place = HERE / name
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
            changed.append(name)
    for folder in ("controls", "gates", "records", "profiles"):
        for place in (HERE / folder).rglob("*.md"):
            if place.relative_to(HERE).as_posix() not in result:
                place.unlink()
                changed.append(place.relative_to(HERE).as_posix())
    return changed


@cache
def _shipped() -> list[Gate]:
    return sorted((gate for gate in GATES.values() if gate.folder.parents[1] == bundled().resolve()), key=_id)


def _id(gate: Gate) -> str:
    return gate.id


@cache
def _profiles() -> list[str]:
    return sorted(name for name, path in profile_names().items() if path.parents[1] == bundled().resolve())


def _full(name: str) -> str:
    """A record's full name; gates name a system's records by their last part."""
    return name if "/" in name else f"system/{name}"


def _record(name: str, up: str = "..") -> str:
    full = _full(name)
    if full in SHAPES or full in PLAIN:
        return f"[{full}]({up}/records/{full}.md)"
    return f"{full}: {ELSEWHERE[full].replace('../', f'{up}/')}" if full in ELSEWHERE else full


def _gate(name: str, up: str = "..") -> str:
    return f"[{name}]({up}/gates/{name}.md)" if name in GATES else f"{name} (taken by the decision itself)"


def _control(name: str, up: str = "..") -> str:
    return f"[{name}]({up}/controls/{name}.md)" if name in catalogue() else name


def _titled(name: str) -> str:
    return f"{_control(name)} {title_of(name)}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: Any) -> str:
    return _line(str(text)).replace("|", "\\|")


def _list(items: Iterable[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _table(headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    lines = [f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}"]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]


def _page(title: str, *parts: list[str]) -> str:
    return "\n\n".join([f"# {title}", *("\n".join(part) for part in parts if part)])


def _part(heading: str, lines: list[str], level: int = 2) -> list[str]:
    return [f"{'#' * level} {heading}", "", *lines] if lines else []


def _commands(*lines: str) -> list[str]:
    return ["```sh", *dict.fromkeys(lines), "```"]


# Controls ------------------------------------------------------------------------------------------------------------


def control_page(entry: Control) -> str:
    """What a control asks, what evidences it, how to meet the criteria, when that is out of date, and the commands."""
    gates = [GATES[name] for name in entry.gates if name in GATES]
    records = _records_of(entry.id, gates)
    requested = [(tier, due, _why(entry.id, tier)) for tier, due in entry.tiers.items()]
    tiers = _table(("tier", "asked", "why"), requested)
    tiers += ["", f"Conditional: {entry.condition}."] if entry.condition else []
    ages = ", ".join(f"{days} days at tier {tier}" for tier, days in entry.max_age_days.items())
    stale = [*entry.stale_when, *([f"at the latest after {ages}; `profile lint` refuses more"] if ages else [])]
    crosswalk = _table(
        ("framework", "places"),
        [(framework.title, ", ".join(entry.crosswalk[framework.key])) for framework in FRAMEWORKS.values()],
    )
    reading = f"Guidance in the standard: {entry.guidance}. Beside it: {', '.join(entry.references)}. "
    reading += f"Risk sources it treats: {', '.join(entry.risk_sources)}."
    return _page(
        f"{entry.id} {entry.title}",
        [f"{entry.paraphrase} {OURS}"],
        [f"Category {entry.category}, {entry.category_title}. Phases: {', '.join(entry.lifecycle_phase)}."],
        _part("What evidences it", _evidenced(entry, gates, records)),
        _part("How to meet the criteria", _criteria(entry.id, gates)),
        _part("Out of date when", _list(stale)),
        _part("What the shipped profiles ask", tiers),
        _part("Elsewhere (our mapping, informative)", [*crosswalk, "", reading]),
        _part("Commands", _control_commands(entry, gates, records)),
    )


def _records_of(control: str, gates: list[Gate]) -> list[str]:
    named = [_full(fact.record) for gate in gates for fact in gate.manifest.facts if control in fact.controls]
    plain = [_full(name) for gate in gates if not gate.manifest.facts for name in gate.manifest.inputs.records]
    return list(dict.fromkeys([*named, *plain]))


def _why(control: str, tier: str) -> str:
    if tier not in _profiles():
        return ""
    rule = _profile(tier).controls.get(control)
    return rule.why if rule else ""


def _evidenced(entry: Control, gates: list[Gate], records: list[str]) -> list[str]:
    lines = _list([f"{row.says}; checked by {_checks(row)}" for row in entry.evidence])
    lines += ["", f"Met without one of these, its state says so: {', '.join(entry.parts)}."] if entry.parts else []
    lines += ["", "Gates:", ""]
    lines += _list([f"{_gate(gate.id)}: {_line(gate.manifest.summary)}" for gate in gates])
    lines += _list([_gate(name) for name in entry.gates if name in DECISION_STEPS])
    return [*lines, "", "Records:", "", *_list([_record(name) for name in records])] if records else lines


def _checks(row: Criterion) -> str:
    """The gates, with fact or measure, that look at a criterion; each gate leads to its page."""
    return ", ".join(_check(*name.partition(".")[::2]) for name in row.checks)


def _check(gate: str, fact: str) -> str:
    return f"{_gate(gate)} (`{fact}`)" if fact else _gate(gate)


def _criteria(control: str, gates: list[Gate]) -> list[str]:
    lines: list[str] = []
    for gate in gates:
        facts = [fact for fact in gate.manifest.facts if control in fact.controls]
        lines += _table(("fact", "what must be so", "if it is not"), [_fact(fact) for fact in facts]) if facts else []
        if "gate.py" in gate.files:
            data = ", ".join(f"{name} ({need})" for name, need in gate.manifest.inputs.data.items())
            lines += [
                f"{_gate(gate.id)} computes it{f' from the data {data}' if data else ''}; its limits stand there."
            ]
        lines.append("")
    return lines[:-1]


def _fact(fact: Fact) -> tuple[str, str, str]:
    when = f" (where `{_line(fact.when)}`)" if fact.when else ""
    return f"`{fact.id}`", f"{_line(fact.says)}{when}; read in {_record(fact.record)}", _line(fact.remedy)


def _control_commands(entry: Control, gates: list[Gate], records: list[str]) -> list[str]:
    writes = [f"aims-gates records new {name} --print" for name in records if name in SHAPES]
    return _commands(
        f"aims-gates explain {entry.id}",
        f"aims-gates controls crosswalk --control {entry.id}",
        *writes,
        *(f"aims-gates gates show {gate.id}" for gate in gates),
    )


def criteria_page() -> str:
    """Every criterion of every control, with what checks it."""
    rows = [
        (_control(entry.id, ".."), row.says, _checks(row)) for entry in catalogue().values() for row in entry.evidence
    ]
    intro = (
        "Each line of what evidences a control, and what looks at it: a fact or a measure of a gate, or a step of the "
        "decision. A test shows each of them passing and failing. Nothing is on the controls' pages that is not here."
    )
    return _page("What checks each criterion", [intro], _table(("control", "criterion", "checked by"), rows))


def controls_index() -> str:
    """All controls by category, then the clauses."""
    parts = []
    for category in dict.fromkeys(entry.category for entry in catalogue().values()):
        own = [entry for entry in catalogue().values() if entry.category == category]
        rows = [
            (f"{_control(e.id, '..')}", e.title, *(e.tiers[t] for t in ("minimal", "limited", "high"))) for e in own
        ]
        heading = f"{category} {own[0].category_title}"
        parts.append(_part(heading, _table(("control", "title", "minimal", "limited", "high"), rows)))
    clause_rows = [_clause_row(clause) for clause in clauses().values()]
    text = ["The overlay [management-system](../profiles/management-system.md) asks for them.", ""]
    heads = ("clause", "title", "gates", "not looked at")
    parts.append(_part("Clauses 4 to 10", [*text, *_table(heads, clause_rows)]))
    intro = f"The 38 controls of ISO/IEC 42001:2023, Annex A, and what evidences each. {OURS}"
    intro += " [What checks each criterion](criteria.md), on one page."
    return _page("Controls", [intro], *parts, _commands("aims-gates controls list", "aims-gates controls crosswalk"))


def _clause_row(clause: Clause) -> tuple[str, str, str, str]:
    gates = ", ".join(_gate(name) for name in clause.gates)
    return clause.id, clause.title, gates + (f": {', '.join(clause.facts)}" if clause.facts else ""), clause.leaves_out


# Gates ---------------------------------------------------------------------------------------------------------------


def gate_page(gate: Gate) -> str:
    """What a gate looks at, what must be so, its parameters, and how to try it."""
    manifest = gate.manifest
    inputs = [
        *(f"data `{name}`, {need}" for name, need in manifest.inputs.data.items()),
        *(f"column role `{name}`, {need}" for name, need in manifest.inputs.roles.items()),
        *(f"record {_record(name)}, {need}" for name, need in manifest.inputs.records.items()),
    ]
    facts = [(*_fact(fact), ", ".join(_control(name) for name in fact.controls)) for fact in manifest.facts]
    params = [
        (f"`{name}`", _line(parameter.summary), f"`{parameter.default!r}`", parameter.owner)
        for name, parameter in manifest.parameters.items()
    ]
    trial = f"aims-gates try {gate.id} --help" if manifest.inputs.data else f"aims-gates gates show {gate.id} --json"
    return _page(
        f"{gate.id}: {manifest.title}",
        [_line(manifest.summary)],
        [f"Evidences {', '.join(map(_titled, manifest.controls))}."],
        [f"Its evidence counts for {manifest.expires_days} days, unless a profile says less or more."],
        _part("What it looks at", _list(inputs)),
        _part(
            "What must be so", _table(("fact", "what must be so", "if it is not", "bears on"), facts) if facts else []
        ),
        _part("Parameters", _table(("name", "what it is", "default", "set by"), params) if params else []),
        _part("How to read it", _reading(gate)),
        _part("Commands", _commands(f"aims-gates gates show {gate.id}", trial)),
    )


def _reading(gate: Gate) -> list[str]:
    """What its folder says for readers of its findings, in reading.md; nothing where there is none."""
    page = gate.folder / "reading.md"
    return page.read_text("utf-8").rstrip().splitlines() if page.is_file() else []


def gates_index() -> str:
    """All gates."""
    rows = [
        (_gate(g.id), g.manifest.title, g.manifest.kind, ", ".join(map(_control, g.manifest.controls)))
        for g in _shipped()
    ]
    intro = (
        "What looks at a model, its data or its records. A gate of your own is a folder: "
        "see [CONTRIBUTING.md](../../CONTRIBUTING.md) and [every key of gate.yaml](../gate-yaml.md)."
    )
    return _page(
        "Gates", [intro], _table(("gate", "title", "kind", "evidences"), rows), _commands("aims-gates gates list")
    )


def gate_yaml_page() -> str:
    """Every key of gate.yaml, from its schema."""
    intro = (
        "What a gate says of itself, in its folder. It is read without importing the gate's code; a key that is not on "
        "this page is refused, with its line. How to write a gate: [CONTRIBUTING.md](../CONTRIBUTING.md#add-a-gate). "
        "Names and functions of expressions stand in `aims_gates/packs/facts.py` and `aims_gates/packs/cel.py`."
    )
    table = _table(("key", "type", "default", "what it does"), list(_keys(Manifest)))
    commands = _commands("aims-gates schema gate", "aims-gates gates show fairness")
    return _page("Every key of gate.yaml", [intro], table, _part("Commands", commands))


def _keys(shape: type[BaseModel], before: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Key, type, default and purpose of each field of a shape, and of the shapes inside it."""
    docstring_fields = _docstring_fields(shape)
    for key, field in shape.model_fields.items():
        name, inner = f"{before}{key}", _inner(field.annotation)
        yield f"`{name}`", _type(field.annotation), _default(field), docstring_fields[key]
        if inner is not None:
            many = {dict: ".NAME", tuple: "[]"}.get(get_origin(_bare_optional(field.annotation)), "")
            yield from _keys(inner, f"{name}{many}.")


def _bare_optional(kind: Any) -> Any:
    """The type without ``Annotated`` and without ``None``."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    rest = [argument for argument in get_args(kind) if argument is not type(None)]
    return _bare_optional(rest[0]) if get_origin(kind) in (Union, UnionType) and len(rest) == 1 else kind


def _inner(kind: Any) -> type[BaseModel] | None:
    """The shape that a type is, or that its items or values are."""
    kind = _bare_optional(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    items = get_args(kind)[-1:] if get_origin(kind) is dict else get_args(kind)[:1]
    return _inner(items[0]) if get_origin(kind) in (dict, tuple) else None


def _type(kind: Any) -> str:
    kind = _bare_optional(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return f"names, each with {_type(arguments[1])}"
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}"
    if origin in (Union, UnionType):
        return " or ".join(map(_type, arguments))
    if origin is Literal:
        return "one of " + ", ".join(f"`{argument}`" for argument in arguments)
    return "any value" if kind is Any else _kind(kind)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value is None or value in ((), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# Records -------------------------------------------------------------------------------------------------------------


def record_page(name: str, shape: type[BaseModel]) -> str:
    """What a record is for, each field, who reads it, and how to start one."""
    group, stem = name.split("/")
    folder = "records/organization" if group == "organization" else "records/systems/NAME"
    suffix = ".md" if "text" in shape.model_fields else ".yaml"
    about = _line((shape.__doc__ or "").split("\n\n")[0])
    readers = [
        (_gate(gate.id, "../.."), ", ".join(_control(entry, "../..") for entry in _controls_by(gate, name)))
        for gate in _shipped()
        if name in map(_full, gate.manifest.inputs.records)
    ]
    if name in SHAPES:
        command = [f"aims-gates records new {name} --print", f"aims-gates schema {name}"]
    else:
        command = ["aims-gates init --help", f"aims-gates schema {stem}"]
    return _page(
        f"{name}",
        [f"{about} It lies in `{folder}/{stem}{suffix}`."],
        _part("Fields", _field_table(shape)),
        _part("Who reads it", _table(("gate", "for"), readers) if readers else ["No gate; commands do."]),
        _part("How often it is reviewed", _cycle(name, shape)),
        _part("Commands", _commands(*command, "aims-gates records validate --help")),
    )


def _controls_by(gate: Gate, record: str) -> list[str]:
    own = [control for fact in gate.manifest.facts if _full(fact.record) == record for control in fact.controls]
    return list(dict.fromkeys(own or gate.manifest.controls))


def _cycle(record: str, shape: type[BaseModel]) -> list[str]:
    lines = ["At the latest on its `next_review`: after that day it counts as expired."] * (
        "next_review" in shape.model_fields
    )
    for gate in _shipped():
        for fact in gate.manifest.facts:
            if _full(fact.record) == record:
                for param in dict.fromkeys(re.findall(r"params\.(max_[a-z_]*days[a-z_]*)", str(fact.require))):
                    days = gate.manifest.parameters[param].default
                    lines.append(f"{_line(fact.says)}: {days} days ({_gate(gate.id, '../..')}, `{param}`)")
    return _list(dict.fromkeys(lines)) if lines else ["When what it says changes."]


def _field_table(shape: type[BaseModel]) -> list[str]:
    """The fields, and which part of the record each belongs to where there is more than text."""
    rows = list(_fields(shape))
    if all(part == "text" for *_, part in rows):
        return _table(("field", "what it is for", "kind"), [row[:3] for row in rows])
    note = "Text is approved, entries are signed as they are added, facts of a version are approved with its request: "
    return [*_table(("field", "what it is for", "kind", "part"), rows), "", f"{note}[basis.md](../../basis.md)."]


def _fields(shape: type[BaseModel], before: str = "", within: Part = "text") -> Iterator[tuple[str, str, str, str]]:
    docstring_fields = _docstring_fields(shape)
    for key, field in shape.model_fields.items():
        kind, many = _bare(field.annotation)
        name = f"{before}{field.alias or key}{'[]' if many else ''}"
        description = field.description or docstring_fields.get(key, "")
        need = "" if field.is_required() else ", optional"
        part = part_of(field) if within == "text" else within
        yield f"`{name}`", description, f"{_kind(kind)}{need}", part
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{name}.", part)


def _docstring_fields(shape: type[BaseModel]) -> dict[str, str]:
    """Field -> what its class's docstring says of it under ``Attributes``."""
    lines = (shape.__doc__ or "").partition("Attributes:")[2]
    findall = re.findall(r"^ {8}([a-z_, ]+): (.+(?:\n {12}.+)*)", lines, re.MULTILINE)
    return {
        name.strip(): _line(predicate).replace("``", "`") for names, predicate in findall for name in names.split(",")
    }


def _bare(kind: Any) -> tuple[Any, bool]:
    """The type without ``Annotated`` and ``None``, and whether there may be many."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(argument for argument in get_args(kind) if argument is not type(None))
    if get_origin(kind) is tuple:
        return _bare(get_args(kind)[0])[0], True
    return kind, False


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is dict:
        return "names and values"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "fields below"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "date": "date"}
    return names.get(getattr(kind, "__name__", ""), "any")


def records_index() -> str:
    """All records, the organization's and a system's."""
    parts = []
    for group, heading in (("organization", "Of the organization"), ("system", "Of a system")):
        own = {name: shape for name, shape in {**PLAIN, **SHAPES}.items() if name.startswith(f"{group}/")}
        rows = [(_record(name), _line((s.__doc__ or "").split("\n\n")[0])) for name, s in own.items()]
        parts.append(_part(heading, _table(("record", "what it is"), rows)))
    others = _list([_record(name) for name in ELSEWHERE])
    intro = "Governance documents as reviewed files. A template of each says what every field is for."
    return _page(
        "Records",
        [intro],
        _part("All that are required", _FILLING.splitlines()),
        *parts,
        _part("Written by other commands and tools", others),
        _commands("aims-gates records list", "aims-gates records new organization/roles --print"),
    )


_FILLING = """\
`aims-gates records new --due` writes every record that a system's profile requires and that is not there. What
the system's file, other records, the profile and the data say is filled in; so are digests, versions and links
between records. What has yet to happen (tests, drills, reviews, courses, notices) is left out until it has, and
its gate says so.

`aims-gates records fill` asks for the rest, one question at a time, by owner and file; a fact that several
records need is asked once and written in each. Comments and order stay. Stop with `q` and go on at any time:
the files say what is open. Not on a terminal, `--list` (`--json`) shows the questions and `--answers FILE.yaml`
takes a mapping from key to answer.

A placeholder reads `REPLACE`, `REPLACE <key>` where several places need the same, and `REPLACE <key>, proposed:
value` where a value is customary. None counts for a gate: a proposal is confirmed with Enter, or by writing the
value. The day of approval is asked last, when the rest of a record is filled in.
"""


# Profiles and words --------------------------------------------------------------------------------------------------


def profile_page(profile: Profile) -> str:
    """What a profile requires and why, with which gates and limits, and who approves."""
    rows = [
        (_control(name), title_of(name), rule.enforcement, rule.why, ", ".join(map(_gate, rule.gates)) or "approvals")
        for name, rule in profile.controls.items()
    ]
    own = [(_gate(name), *_rule(rule)) for name, rule in profile.gates.items()]
    people = (
        ", ".join(f"{approval_rule.count} x {approval_rule.role}" for approval_rule in profile.approvals)
        or "as the profile under it says"
    )
    overlay = profile.tier == "any"
    tier = f"Laid over another profile by name, e.g. `high+{profile.id}`." if overlay else f"For tier {profile.tier}."
    facts = [tier, f"Approvals: {people}."]
    if not overlay:
        facts.append(f"An inconclusive finding {profile.inconclusive}.")
    if profile.schemas:
        facts.append("Each set of data that its gates read has a [declared schema](../guides/schemas.md).")
    name = f"limited+{profile.id}" if overlay else profile.id
    return _page(
        f"{profile.id}: {profile.title}",
        [_line(profile.summary), *facts],
        _part("Leaves out", [_line(profile.leaves_out)] if profile.leaves_out else []),
        _part("Requires", _table(("control", "title", "unmet", "why", "evidenced by"), rows)),
        _part("Gates", _table(("gate", "applies when", "counts for", "parameters"), own) if own else []),
        _part("Commands", _commands(f"aims-gates profile show {name}", f"aims-gates profile lint {profile.id}")),
    )


def _rule(rule: GateRule) -> tuple[str, str, str]:
    when = " and ".join(f"{fact} is {value}" for fact, value in rule.applies_when.items()) or "always"
    days = f"{rule.expires_days} days" if rule.expires_days else "as the gate says"
    return when, days, f"`{rule.params}`" if rule.params else "defaults"


def profiles_index() -> str:
    """All profiles, and how they are laid one over the other."""
    profiles = [_profile(name) for name in _profiles()]
    rows = [(f"[{p.id}]({p.id}.md)", "overlay" if p.tier == "any" else p.tier, _line(p.summary)) for p in profiles]
    intro = (
        "What is required for a tier. A profile may extend another (`extends: high`); an overlay is laid over one by "
        "name (`profile: limited+gpai-user` in system.yaml) and only adds and tightens."
    )
    commands = _commands("aims-gates profile list", "aims-gates profile lint", "aims-gates profile diff limited high")
    return _page("Profiles", [intro], _table(("profile", "tier", "what it is"), rows), commands)


def glossary_page() -> str:
    """Every word."""
    rows = [(f'<a id="{term.id}"></a>{term.term}', term.means, SOURCES[term.source]) for term in glossary().values()]
    intro = "Our own words. A term named in a standard is meant as there; its definition needs a licensed copy."
    return _page(
        "Glossary", [intro], _table(("word", "what it means here", "from"), rows), _commands("aims-gates glossary")
    )


def commands_page() -> str:
    """Every command and what its help says."""
    context = click.Context(program, info_name="aims-gates")
    parts = []
    for group, entries in GROUPS.items():
        rows = [(f"[{name}](#{name})", entry.summary) for name, entry in entries.items()]
        parts.append(_part(group, _table(("command", "what it does"), rows)))
        for name in entries:
            command = program.get_command(context, name)
            assert command is not None
            parts.append(_command_part(name, command))
    intro = "What each command does, as its own `--help` says; that lists the options too."
    more = "Most take `--json`. Exit codes are told on [a page of their own](exit-codes.md)."
    return _page("Commands", [intro, more], *parts)


def _command_part(name: str, command: click.Command) -> list[str]:
    rows = list(_subcommands(name, command))
    lines = [*_help(command), *(["", *_table(("", "what it does"), rows)] if rows else [])]
    return _part(name, lines, level=3)


def _subcommands(name: str, command: click.Command) -> Iterator[tuple[str, str]]:
    if not isinstance(command, click.Group):
        return
    for word, subcommand in command.commands.items():
        yield f"`{name} {word}`", _first(subcommand)
        yield from _subcommands(f"{name} {word}", subcommand)


def _first(command: click.Command) -> str:
    return _line((command.help or "").split("\n\n")[0])


def _help(command: click.Command) -> list[str]:
    """The help as paragraphs; where its author set the lines, they stay as they are."""
    lines: list[str] = []
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        fixed = paragraph.startswith("\b")
        text = dedent(paragraph.removeprefix("\b").strip("\n"))
        lines += [*(["```text", *text.splitlines(), "```"] if fixed else [_line(text)]), ""]
    return lines[:-1]


if __name__ == "__main__":
    print("\n".join(write()) or "nothing changed")
