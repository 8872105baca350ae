"""People whom records name, looked up on the trust list."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from aims_gates.attestation.statements.policy import Trust
from aims_gates.attestation.trust_list import alike
from aims_gates.documents.strict_yaml import Document, Place
from aims_gates.errors import InputError
from aims_gates.governance.records.leaves import leaves
from aims_gates.governance.records.reader import read_record
from aims_gates.portfolio.gather import record_paths

__all__ = ["unlisted_people"]

#: Fields that name who answers for something, approves it, or holds a role.
_FIELDS = {"owner", "approver", "accepted_by", "assignments", "developers", "holders", "members"}
_REMEDY = "Put them on the trust list (aims-gates keys trust), or name somebody who is on it."


def unlisted_people(packs: Iterable[Path], trust: Trust) -> list[InputError]:
    """Owners, approvers, assignees and holders of roles who are on no trust list: each person once in each pack.

    A person is whom ``organization/roles`` lists under people, and whoever is named by a mail address; roles and other
    words are no people. Former people, whom it lists as not active, are not looked up.

    Args:
        packs: The packs. A record that cannot be read is left to the lint.
        trust: The list in force.
    """
    people = [*(key.person for key in trust.keys), *(user.person for user in trust.users)]
    listed = {alike(person) for person in people}
    return [problem for pack in packs for problem in _of_pack(pack, listed)]


def _of_pack(pack: Path, listed: set[str]) -> Iterator[InputError]:
    documents = list(_documents(pack))
    active, former = _people(documents, pack / "records" / "organization")
    unlisted: dict[str, list[tuple[Document, Place, str]]] = {}
    for document in documents:
        for path, name in leaves(document.value, ()):
            person = alike(name)
            named = _FIELDS.intersection(map(str, path)) and person not in former
            if named and person not in listed and (person in active or "@" in person):
                unlisted.setdefault(person, []).append((document, path, name))
    for (document, path, name), *others in unlisted.values():
        more = f" (and is named in {len(others)} more places)" if others else ""
        yield document.error(path, f"{name} is on no trust list{more}", _REMEDY)


def _documents(pack: Path) -> Iterator[Document]:
    try:
        paths = record_paths(pack)
    except InputError:
        return
    for path in paths:
        try:
            yield read_record(path)
        except InputError:
            continue


def _people(documents: Iterable[Document], folder: Path) -> tuple[set[str], set[str]]:
    """Whom the organization's roles list as active, and whom as no longer so."""
    people: dict[bool, set[str]] = {True: set(), False: set()}
    for document in documents:
        if Path(document.where).parent == folder and Path(document.where).stem == "roles":
            listed = document.value.get("people")
            for person in listed if isinstance(listed, list) else ():
                if isinstance(person, Mapping):
                    people[person.get("active") is True].add(alike(str(person.get("id"))))
    return people[True], people[False] - people[True]
