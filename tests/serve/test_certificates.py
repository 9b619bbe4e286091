"""The files of TLS: each mistake in them is named with its key and its file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.serve.certificates import CertificateError, TlsFiles, fingerprint, read_certificates
from tests.certificates import DAY, Authority, encrypted_key


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def files(authority: Authority) -> TlsFiles:
    pair = authority.issue("node-1")
    return TlsFiles(certificate=pair.certificate, key=pair.key, client_ca=authority.file)


def problems(files: TlsFiles) -> tuple[str, ...]:
    with pytest.raises(CertificateError) as error:
        read_certificates(files)
    return error.value.problems


def test_fit(files: TlsFiles, authority: Authority) -> None:
    """What is read is what the files hold; it ends when its first certificate does."""
    old = authority.issue("old", until=authority.until - 20 * DAY, to="old")
    files.certificate.write_bytes(files.certificate.read_bytes() + old.certificate.read_bytes())
    found = read_certificates(files)
    assert found.certificate == files.certificate.read_bytes()
    assert found.certificate_until == old.until.timestamp()
    assert found.client_ca_until == authority.until.timestamp()


def test_every_mistake_at_once(files: TlsFiles, tmp_path: Path) -> None:
    """A directory, a missing file and a file of something else: a sentence each."""
    files.key.unlink()
    files.client_ca.write_text("# nothing\n")
    wrong = TlsFiles(certificate=tmp_path, key=files.key, client_ca=files.client_ca)
    assert problems(wrong) == (
        f"serve.tls_certificate: {tmp_path}: Is a directory",
        f"serve.tls_key: {files.key}: No such file or directory",
        f"serve.tls_client_ca: {files.client_ca} holds no PEM certificate (BEGIN CERTIFICATE)",
    )


def test_key_of_another(files: TlsFiles, authority: Authority) -> None:
    """Both files are named."""
    other = authority.issue("other", to="other")
    files.key.write_bytes(other.key.read_bytes())
    [said] = problems(files)
    assert said == (
        f"serve.tls_key: {files.key} is not the key of the certificate in {files.certificate}"
    )


@pytest.mark.parametrize(
    ("key", "word"),
    [
        (b"", "holds no PEM key"),
        (encrypted_key(), "is encrypted: give it without a passphrase"),
        (
            b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
            "cannot be used with the certificate",
        ),
    ],
)
def test_no_such_key(files: TlsFiles, key: bytes, word: str) -> None:
    """A key that is none, or that OpenSSL would ask a passphrase for on the terminal."""
    files.key.write_bytes(key)
    [said] = problems(files)
    assert said.startswith(f"serve.tls_key: {files.key} ")
    assert word in said


def test_broken_certificate(files: TlsFiles) -> None:
    """Not base64, and base64 of something else."""
    for body in ("!", "MIIB"):
        block = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
        files.client_ca.write_text(block)
        [said] = problems(files)
        assert said.startswith(f"serve.tls_client_ca: {files.client_ca} holds a broken certificate")


def test_not_a_small_file(files: TlsFiles) -> None:
    """An endless file is not read to its end."""
    endless = TlsFiles(certificate=files.certificate, key=files.key, client_ca=Path("/dev/zero"))
    [said] = problems(endless)
    assert "has more than 1048576 bytes" in said


def test_fingerprint_sees_a_swapped_link(authority: Authority, tmp_path: Path) -> None:
    """Kubernetes swaps the link `..data`; the paths, and the files behind the old one, stay."""
    for directory in ("one", "two"):
        pair = authority.issue("node-1", to=directory)
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "tls.crt").write_bytes(pair.certificate.read_bytes())
        (tmp_path / directory / "tls.key").write_bytes(pair.key.read_bytes())
    (tmp_path / "..data").symlink_to("one")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    files = TlsFiles(
        certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key", client_ca=authority.file
    )
    before, old = fingerprint(files), read_certificates(files)
    assert fingerprint(files) == before
    (tmp_path / "..tmp").symlink_to("two")
    os.replace(tmp_path / "..tmp", tmp_path / "..data")
    assert fingerprint(files) != before
    assert read_certificates(files).certificate != old.certificate
    files.key.unlink()
    assert fingerprint(files)[1] is None
