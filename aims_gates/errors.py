"""Every error this package raises on purpose. Each one carries its remedy.

The tree, each with the exit code into which the command line turns it (:mod:`aims_gates.cli`; nothing else does)::

    AimsGatesError          1
    |-- InputError          1
    |   |-- NotFoundError   1
    |   |-- PackError       1
    |   |-- ProfileError    1
    |   `-- DataError       1
    |       `-- MissingDataError 1
    |-- GateError           1
    |-- LedgerError         1
    |   `-- NoLedgerError   1
    |-- IntegrityError      5
    |   `-- KeyFileError    5
    |-- RefusedError        2
    |   `-- TrainingDataRefusedError 2
    `-- StaleError          3
"""

__all__ = [
    "AimsGatesError",
    "DataError",
    "GateError",
    "InputError",
    "IntegrityError",
    "KeyFileError",
    "LedgerError",
    "MissingDataError",
    "NoLedgerError",
    "NotFoundError",
    "PackError",
    "ProfileError",
    "RefusedError",
    "StaleError",
    "TrainingDataRefusedError",
]


class AimsGatesError(Exception):
    """Something the user can act on: what is wrong, where, and what to do.

    Args:
        message: What is wrong, in plain words.
        where: The place: a file, a file with a line, a statement's digest.
        remedy: What to do next, as an imperative sentence.
    """

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.message = message
        self.where = where
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  remedy: {self.remedy}" if self.remedy else text


class InputError(AimsGatesError):
    """A document from outside (YAML, JSON, a command's argument) is not what it must be."""


class NotFoundError(InputError):
    """What is named is not there: a model, a version, a request, a statement."""


class PackError(InputError):
    """A folder cannot be read as a pack, or two packs offer the same thing."""


class ProfileError(InputError):
    """A profile asks for something that is not there or makes no sense."""


class DataError(InputError):
    """A data set is missing, unreadable, empty, or lacks what was asked of it."""


class MissingDataError(DataError):
    """A data set or a record is asked for, and is not there."""


class GateError(AimsGatesError):
    """A gate broke its contract: it raised, returned nothing, or named another gate."""


class LedgerError(AimsGatesError):
    """The ledger cannot be read or written."""


class NoLedgerError(LedgerError):
    """There is no ledger here yet: no file, or a database without its tables."""


class IntegrityError(AimsGatesError):
    """A signature, a digest or a proof does not hold."""


class KeyFileError(IntegrityError):
    """A key file cannot be used: unreadable, malformed, or readable by others."""


class RefusedError(AimsGatesError):
    """The decision is no, or the actor may not do this."""


class TrainingDataRefusedError(RefusedError):
    """A set may not be trained on.

    Attributes:
        findings: The gate, and its finding (:class:`aims_gates.Finding`), of each thing that is not met.
    """

    findings: tuple[tuple[str, object], ...] = ()


class StaleError(AimsGatesError):
    """What was said once no longer counts as it is written; it has to be made again."""
