"""A certificate authority and files of certificates, made for one test."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path
    until: datetime


class Authority:
    """A CA with a directory of its own; `file` is its certificate."""

    def __init__(self, directory: Path, name: str = "test CA") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.until = _now() + 30 * DAY
        self.file = directory / "ca.pem"
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        extension = x509.BasicConstraints(ca=True, path_length=None)
        own = self._builder(self._name, self._key, self.until).add_extension(extension, True)
        self.file.write_bytes(self._signed(own))

    def issue(
        self, *names: str, cn: str = "", until: datetime | None = None, to: str = "node"
    ) -> Pair:
        """Issue a certificate for DNS names, IP addresses and URIs, into TO.pem and TO.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = until or _now() + 10 * DAY
        builder = self._builder(_named(cn), key, until)
        if names:
            san = x509.SubjectAlternativeName([_general(name) for name in names])
            builder = builder.add_extension(san, critical=not cn)
        pair = Pair(
            certificate=self.directory / f"{to}.pem", key=self.directory / f"{to}.key", until=until
        )
        pair.certificate.write_bytes(self._signed(builder))
        pair.key.write_bytes(_private(key, NoEncryption()))
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - 5 * DAY)
            .not_valid_after(until)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def encrypted_key() -> bytes:
    """A key that needs a passphrase."""
    return _private(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"secret"))


def _private(key: ec.EllipticCurvePrivateKey, how: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _named(cn: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else [])


def _general(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
