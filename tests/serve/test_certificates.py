"""The files of TLS: each mistake in them is named with its key and its file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.config import load
from agent.serve.certificates import (
    CertificateError,
    TlsFiles,
    check_files,
    ended,
    fingerprint,
    read_certificates,
)
from tests.certificates import DAY, Authority, encrypted_key


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def files(authority: Authority) -> TlsFiles:
    pair = authority.issue("node-1")
    return TlsFiles(certificate=pair.certificate, key=pair.key, client_ca=authority.file)


def authority_file(files: TlsFiles) -> Path:
    assert files.client_ca is not None
    return files.client_ca


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
    authority_file(files).write_text("# nothing\n")
    wrong = TlsFiles(certificate=tmp_path, key=files.key, client_ca=files.client_ca)
    assert problems(wrong) == (
        f"serve.tls_certificate: {tmp_path}: Is a directory: put the PEM file there",
        f"serve.tls_key: {files.key}: No such file or directory: put the PEM file there",
        f"serve.tls_client_ca: {files.client_ca} holds no PEM certificate (BEGIN CERTIFICATE)",
    )


def test_key_of_another(files: TlsFiles, authority: Authority) -> None:
    """Both files are named."""
    other = authority.issue("other", to="other")
    files.key.write_bytes(other.key.read_bytes())
    [said] = problems(files)
    assert said == (
        f"serve.tls_key: {files.key} is not the key of the certificate in {files.certificate}:"
        " replace both"
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
        authority_file(files).write_text(block)
        [said] = problems(files)
        assert said.startswith(f"serve.tls_client_ca: {files.client_ca} holds a broken certificate")


def test_not_a_small_file(files: TlsFiles) -> None:
    """An endless file is not read to its end."""
    endless = TlsFiles(certificate=files.certificate, key=files.key, client_ca=Path("/dev/zero"))
    [said] = problems(endless)
    assert "has more than 1048576 bytes" in said


def test_ended(files: TlsFiles, authority: Authority) -> None:
    """The node's own certificate and the last CA count; what else is in the chain may be old."""
    old = authority.issue("old", until=authority.until - 31 * DAY, to="old")
    files.certificate.write_bytes(files.certificate.read_bytes() + old.certificate.read_bytes())
    now = authority.until.timestamp() - 30 * 86400
    assert ended(files, read_certificates(files), now) == []
    files.certificate.write_bytes(old.certificate.read_bytes())
    files.key.write_bytes(old.key.read_bytes())
    [said] = ended(files, read_certificates(files), now)
    when = f"{old.until:%Y-%m-%d %H:%M:%S} UTC"
    assert said == (
        f"serve.tls_certificate: the certificate in {files.certificate} ended on {when}: renew it"
    )
    _, ca = ended(files, read_certificates(files), authority.until.timestamp() + 1)
    assert ca.startswith(f"serve.tls_client_ca: the certificate in {authority.file} ended on ")


def test_check_of_both_endpoints(files: TlsFiles, tmp_path: Path) -> None:
    """gRPC and /metrics have one certificate: a mistake in it is told once, by the key's name."""
    missing = tmp_path / "clients.pem"
    settings = load(
        None,
        {},
        {
            "serve.grpc_address": "127.0.0.1:9755",
            "serve.tls_certificate": str(files.certificate),
            "serve.tls_key": str(files.key),
            "serve.tls_client_ca": str(files.client_ca),
            "serve.metrics_tls": "true",
            "serve.metrics_client_ca": str(missing),
        },
    )
    files.key.write_bytes(b"")
    key, ca = check_files(settings, 0)
    assert key.startswith(f"serve.tls_key: {files.key} holds no PEM key")
    assert ca.startswith(f"serve.metrics_client_ca: {missing}: No such file")
    assert check_files(load(None, {}, {}), 0) == []


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
