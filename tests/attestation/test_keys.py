"""Keys: made, read and refused."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from aims_gates.attestation.signing.keys import (
    ENVIRONMENT,
    Key,
    is_public,
    new_key,
    read_private,
    read_public,
    verify,
)
from aims_gates.errors import KeyFileError


def pem(key, encryption=None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def private_file(tmp_path, data: bytes, mode: int = 0o600):
    path = tmp_path / "some.key"
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def test_a_new_key_is_two_files_and_the_private_one_is_private(tmp_path):
    key = new_key(tmp_path / "deep" / "ci.key")
    assert stat.S_IMODE((tmp_path / "deep" / "ci.key").stat().st_mode) == 0o600
    assert read_private(tmp_path / "deep" / "ci.key").public == key.public
    assert read_public(tmp_path / "deep" / "ci.pub") == key.public


def test_a_key_is_never_replaced(tmp_path):
    new_key(tmp_path / "ci.key")
    before = (tmp_path / "ci.key").read_bytes()
    for name in ("ci.key", "ci.other", "new.pub"):
        with pytest.raises(KeyFileError, match="exists already"):
            new_key(tmp_path / name)
    assert (tmp_path / "ci.key").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ci.key", "ci.pub"]


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KeyFileError, match="cannot be written"):
        new_key(tmp_path / "file" / "ci.key")
    (tmp_path / "ci.pub").symlink_to(tmp_path / "nowhere" / "ci.pub")
    with pytest.raises(KeyFileError, match="cannot be written"):
        new_key(tmp_path / "ci.key")
    assert not (tmp_path / "ci.key").exists()


def test_a_key_needs_a_name(tmp_path):
    from pathlib import Path

    with pytest.raises(KeyFileError, match="not the name of a file"):
        new_key(Path())


def test_a_key_never_shows_its_secret(kit):
    key = kit.key_of("ci")
    assert repr(key) == f"Key({key.public[:8]}...)" and key.private.private_bytes_raw().hex() not in repr(key)


def test_a_signature_holds_for_its_key_and_message_only(kit):
    key, other = kit.key_of("ci"), kit.key_of("risk")
    signature = key.sign(b"message")
    assert verify(key.public, signature, b"message")
    assert not verify(other.public, signature, b"message")
    assert not verify(key.public, signature, b"massage")
    assert not verify(key.public, signature[:-1], b"message")
    assert not verify("not hex", signature, b"message")
    assert not verify("00", signature, b"message")


def test_the_signatures_are_those_of_rfc_8032():
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = Key(Ed25519PrivateKey.from_private_bytes(secret))
    assert key.public == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@pytest.mark.parametrize(
    ("text", "expected"), [("0" * 64, True), ("A" * 64, False), ("0" * 63, False), ("０" * 64, False)]
)
def test_a_public_key_is_64_small_hex_digits(text, expected):
    assert is_public(text) is expected


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666, 0o601, 0o610])
def test_a_key_that_others_may_read_is_refused_with_the_remedy(tmp_path, kit, mode):
    path = private_file(tmp_path, pem(kit.key_of("ci").private), mode)
    with pytest.raises(KeyFileError, match="others may read this key") as caught:
        read_private(path)
    assert f"(mode {mode:04o})" in caught.value.message and caught.value.where == str(path)
    assert f"chmod 600 {path}" in str(caught.value.remedy)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_of_its_owner_alone_is_read(tmp_path, kit, mode):
    assert read_private(private_file(tmp_path, pem(kit.key_of("ci").private), mode)).public == kit.key_of("ci").public


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff\x00"]
)
def test_a_malformed_key_is_refused(tmp_path, data):
    path = private_file(tmp_path, data)
    with pytest.raises(KeyFileError, match="not an unencrypted PEM private key") as caught:
        read_private(path)
    assert caught.value.where == str(path) and "keys new" in str(caught.value.remedy)
    with pytest.raises(KeyFileError, match="not a PEM public key"):
        read_public(path)


def test_an_encrypted_key_is_refused(tmp_path, kit):
    with pytest.raises(KeyFileError, match="unencrypted"):
        read_private(private_file(tmp_path, pem(kit.key_of("ci").private, BestAvailableEncryption(b"secret"))))


def test_a_public_key_is_no_private_one_and_the_other_way_round(tmp_path):
    new_key(tmp_path / "ci.key")
    (tmp_path / "ci.pub").chmod(0o600)
    with pytest.raises(KeyFileError):
        read_private(tmp_path / "ci.pub")
    with pytest.raises(KeyFileError, match="not a PEM public key"):
        read_public(tmp_path / "ci.key")


def test_an_rsa_key_is_refused(tmp_path, rsa_key):
    path = private_file(tmp_path, pem(rsa_key))
    with pytest.raises(KeyFileError, match="not an ed25519 key"):
        read_private(path)
    path.write_bytes(rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyFileError, match="not an ed25519 key"):
        read_public(path)


@pytest.mark.parametrize("read", [read_private, read_public])
def test_a_missing_key_is_named(tmp_path, read):
    with pytest.raises(KeyFileError, match="cannot be read") as caught:
        read(tmp_path / "nowhere.key")
    assert caught.value.where == str(tmp_path / "nowhere.key")
    with pytest.raises(KeyFileError, match="cannot be read"):
        read(tmp_path)


def test_a_key_may_come_from_the_environment(tmp_path, kit, monkeypatch):
    key = kit.key_of("ci")
    monkeypatch.setenv(ENVIRONMENT, str(private_file(tmp_path, pem(key.private))))
    assert read_private().public == key.public
    monkeypatch.setenv(ENVIRONMENT, "\n" + pem(key.private).decode())
    assert read_private().public == key.public
    monkeypatch.setenv(ENVIRONMENT, "-----BEGIN nonsense")
    with pytest.raises(KeyFileError) as caught:
        read_private()
    assert caught.value.where == ENVIRONMENT
    monkeypatch.setenv(ENVIRONMENT, "")
    with pytest.raises(KeyFileError, match="no key is named") as caught:
        read_private()
    assert ENVIRONMENT in str(caught.value.remedy)
    monkeypatch.delenv(ENVIRONMENT)
    with pytest.raises(KeyFileError, match="no key is named"):
        read_private()
