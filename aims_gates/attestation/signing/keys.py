"""Ed25519 keys: making, reading and refusing them.

A private key is a PEM file (PKCS 8) of mode 0600, or the text of one in ``AIMS_GATES_KEY``. A public key is a PEM
file. Inside statements a key is its 32 raw bytes in hex: people and signatures are counted by those bytes.
"""

import os
import re
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from aims_gates.documents.files import write_new
from aims_gates.errors import InputError, KeyFileError

__all__ = ["ENVIRONMENT", "Key", "is_public", "new_key", "read_private", "read_public", "verify"]

#: Holds a private key's path or its PEM text.
ENVIRONMENT = "AIMS_GATES_KEY"
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Key:
    """A private key.

    Attributes:
        private: The key itself; never printed.
        public: The public key's 32 bytes in hex.
    """

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        return self.private.public_key().public_bytes_raw().hex()

    def __repr__(self) -> str:
        return f"Key({self.public[:8]}...)"

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an ed25519 signature (RFC 8032)."""
        return self.private.sign(message)


def is_public(text: str) -> bool:
    """Whether this is a public key in hex."""
    return _HEX.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _loaded(public: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))


def verify(public: str, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message was made with this public key (hex)."""
    try:
        _loaded(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def new_key(path: Path) -> Key:
    """Make a key: ``path`` (mode 0600) and ``path`` with ``.pub`` in place of its ending.

    Raises:
        KeyFileError: one of the files exists already, or cannot be written.
    """
    if not path.name:
        raise KeyFileError("not the name of a file", where=str(path), remedy="Name a file, for example ci.key.")
    key = Key(Ed25519PrivateKey.generate())
    public = path.with_suffix(".pub")
    if path == public or public.exists() or path.exists():
        raise KeyFileError(
            "the key exists already", where=str(path), remedy="Choose another name; a key is not replaced."
        )
    secret = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    shown = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        write_new(path, secret, mode=0o600)
        try:
            write_new(public, shown)
        except InputError:
            path.unlink()
            raise
    except InputError as error:
        raise KeyFileError(error.message, where=error.where, remedy=error.remedy) from error
    return key


def _private(data: bytes, where: str) -> Key:
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        remedy = "Make one with: aims-gates keys new NAME"
        raise KeyFileError("not an unencrypted PEM private key", where=where, remedy=remedy) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError("not an ed25519 key", where=where, remedy="Make one with: aims-gates keys new NAME")
    return Key(key)


def read_private(source: Path | None = None) -> Key:
    """Read a private key from a file, or from ``AIMS_GATES_KEY`` when no file is named.

    Raises:
        KeyFileError: none is named, it cannot be read, it is malformed, or others may read it.
    """
    if source is None:
        value = os.environ.get(ENVIRONMENT, "")
        if not value:
            raise KeyFileError("no key is named", remedy=f"Pass --key FILE or set {ENVIRONMENT} to a key file.")
        if value.lstrip().startswith("-----BEGIN"):
            return _private(value.encode(), ENVIRONMENT)
        source = Path(value)
    try:
        with source.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(16_384)
    except OSError as error:
        raise KeyFileError(f"cannot be read: {error.strerror}", where=str(source), remedy="Check the path.") from error
    if stat.S_IMODE(mode) & 0o077:
        remedy = f"Run: chmod 600 {source} (and make a new key if others could have read it)"
        raise KeyFileError(
            f"others may read this key (mode {stat.S_IMODE(mode):04o})", where=str(source), remedy=remedy
        )
    return _private(data, str(source))


def read_public(path: Path) -> str:
    """A public key file's 32 bytes in hex.

    Raises:
        KeyFileError: it cannot be read or is no ed25519 public key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"cannot be read: {error.strerror}", where=str(path), remedy="Check the path.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError("not a PEM public key", where=str(path), remedy="Pass the .pub file.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError("not an ed25519 key", where=str(path), remedy="Pass the .pub file of an ed25519 key.")
    return key.public_bytes_raw().hex()
