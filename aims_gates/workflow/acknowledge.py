"""A person's own word that they have read a text or finished a course. Refused here is what could not count."""

from aims_gates.attestation.statements.records import SignedAcknowledgement
from aims_gates.attestation.trust_list import alike
from aims_gates.errors import RefusedError
from aims_gates.model import Subject
from aims_gates.workflow.requests import Draft

__all__ = ["acknowledge"]


def acknowledge(what: str, digest: str, person: str, signer: str | None) -> Draft:
    """Acknowledge a text or a course.

    Args:
        what: The text's record, or ``course ID``.
        digest: Of the text; of a course, of its id and the person.
        person: Whose word it is.
        signer: Whose key signs, by the trust list; None where it is on none.

    Raises:
        RefusedError: the key is nobody's, or somebody else's.
    """
    if signer is None:
        remedy = "Have a policy owner trust it: aims-gates keys trust YOU.pub --person YOU --role ROLE"
        raise RefusedError("the key is on no trust list, so nobody would have acknowledged it", remedy=remedy)
    if alike(signer) != alike(person):
        remedy = f"Have {person} sign it with a key of their own."
        raise RefusedError(f"{signer} cannot acknowledge {what} for {person}", remedy=remedy)
    return Draft(SignedAcknowledgement(what, signer, digest), Subject("organization", digest, what))
