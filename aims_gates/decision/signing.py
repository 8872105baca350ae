"""Who has to sign what, where a profile takes nothing that is only typed. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from aims_gates.documents.shell import invocation, quoted
from aims_gates.model import Action, ControlState, UnsignedText

__all__ = ["STATUS", "next_signatures", "signatures"]

#: Shows of every text who has to sign it.
STATUS = "aims-gates records status"
_POLICY = "policy"


def next_signatures(name: str, texts: Sequence[UnsignedText]) -> tuple[str, ...]:
    """The commands that have these texts signed, in order, and the one that shows how far each has come.

    Args:
        name: The registered model.
        texts: What nobody approved.
    """
    records = [text for text in texts if text.role != _POLICY]
    new = [text.file for text in records if _to_submit(text)]
    submit = [f"aims-gates records submit {quoted(*new, '--key', 'AUTHOR.key')}"] if new else []
    approve = [
        f"aims-gates records approve {quoted(*(text.file for text in group), '--key', _key(role))}"
        for role, group in _by_role(records)
    ]
    return (*_bind(name, texts), *submit, *approve, STATUS)


def signatures(name: str, controls: Iterable[ControlState]) -> Iterator[Action]:
    """The same for many controls: who has to sign which texts, the most of a role in one command.

    Args:
        name: The registered model.
        controls: Those that are not met.
    """
    texts = {text for control in controls for text in control.unsigned}
    if not texts:
        return
    for step in _bind(name, texts):
        yield Action(step, "people")
    records = [text for text in texts if text.role != _POLICY]
    new = [text.file for text in records if _to_submit(text)]
    if new:
        command = _command("submit", new, "", "AUTHOR.key")
        yield Action(f"submit {_counted(new)}, as their author: {command}", "people")
    for role, group in _by_role(records):
        files = [text.file for text in group]
        command = _command("approve", files, role, _key(role))
        yield Action(f"approve as {role}, not as the author, {_listed(files)}: {command}", "people")


def _to_submit(text: UnsignedText) -> bool:
    """Whether a record's text, or its entries, have to be put forward."""
    return text.entries or not text.submitted


def _by_role(texts: Iterable[UnsignedText]) -> Iterator[tuple[str, list[UnsignedText]]]:
    """The texts that are still to be approved, by role."""
    ordered = sorted((text for text in texts if text.role), key=lambda text: (text.role, text.file))
    for role, group in groupby(ordered, key=lambda text: text.role):
        yield role, list(group)


def _bind(name: str, texts: Iterable[UnsignedText]) -> list[str]:
    """A system's own file is signed by the binding that carries its digest."""
    own = any(text.role == _POLICY for text in texts)
    return [invocation("bind", name, options="--key POLICY.key")] if own else []


def _command(verb: str, files: Sequence[str], role: str, key: str) -> str:
    """One file by its name; several as all that are due."""
    if len(files) == 1:
        return f"`aims-gates records {quoted(verb, files[0], '--key', key)}`"
    acting = ("--role", role) if role else ()
    return f"`aims-gates records {quoted(verb, '--all-due', *acting, '--key', key)}`"


def _counted(files: Iterable[str]) -> str:
    """``3 texts``; a single one by its file."""
    named = set(files)
    return f"{len(named)} texts" if len(named) > 1 else "".join(named)


def _listed(files: Iterable[str]) -> str:
    """``3 texts (records/systems/loans: card, logging; records/organization: roles)``; a single one by its file."""
    named = sorted(set(files))
    if len(named) == 1:
        return named[0]
    places = sorted(file.rpartition("/")[::2] for file in named)
    folders = [(folder, [place[1] for place in group]) for folder, group in groupby(places, key=lambda place: place[0])]
    parts = [f"{folder}: {', '.join(name.rpartition('.')[0] for name in names)}" for folder, names in folders]
    return f"{len(named)} texts ({'; '.join(parts)})"


def _key(role: str) -> str:
    return f"{role.upper()}.key"
