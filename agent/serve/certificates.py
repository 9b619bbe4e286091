"""The files of TLS: the node's certificate and key, and the CA of its clients.

They are read whole, and judged by OpenSSL, before they are served with: BoringSSL (gRPC's) would
take the first broken file without a word, and refuse every client.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from agent.config import Settings
from agent.model.absence import ParseError
from agent.parse.certificate import parse_not_after, parse_pem_certificates

_MOST_BYTES = 1 << 20

Fingerprint = tuple[tuple[int, int, int, int] | None, ...]


class TlsFiles(Struct, frozen=True, kw_only=True):
    """Where they are; links are followed, as Kubernetes swaps a link to rotate a secret."""

    certificate: Path
    key: Path
    client_ca: Path | None = None  # clients are not asked for a certificate
    client_ca_setting: str = "serve.tls_client_ca"


class Certificates(Struct, frozen=True, kw_only=True):
    """What they hold, found fit. The `..._until` are seconds since 1970."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    leaf_until: int  # the node's own certificate ends
    certificate_until: int  # the first of the chain to end
    client_ca_until: int | None  # the last of the CAs to end


class CertificateError(Exception):
    """The files cannot be used; `problems` has a sentence for each mistake, with key and file."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def tls_files(settings: Settings) -> TlsFiles | None:
    """The files of gRPC over TCP; None where that is off."""
    serve = settings.serve
    if serve.grpc_address is None:
        return None
    # `load` lets no address pass without its files.
    if serve.tls_certificate is None or serve.tls_key is None or serve.tls_client_ca is None:
        raise ValueError("serve.grpc_address without its files")
    return TlsFiles(
        certificate=serve.tls_certificate, key=serve.tls_key, client_ca=serve.tls_client_ca
    )


def metrics_tls_files(settings: Settings) -> TlsFiles | None:
    """The files of /metrics; None where that is off or in plain text."""
    serve = settings.serve
    if serve.metrics_address is None or not serve.metrics_tls:
        return None
    if serve.tls_certificate is None or serve.tls_key is None:
        raise ValueError("serve.metrics_tls without its files")
    return TlsFiles(
        certificate=serve.tls_certificate,
        key=serve.tls_key,
        client_ca=serve.metrics_client_ca,
        client_ca_setting="serve.metrics_client_ca",
    )


def check_files(settings: Settings, now: float) -> list[str]:
    """Every mistake in the files that the settings name, once each. Blocks as disks do."""
    said: dict[str, None] = {}
    for files in (tls_files(settings), metrics_tls_files(settings)):
        if files is None:
            continue
        try:
            said |= dict.fromkeys(ended(files, read_certificates(files), now))
        except CertificateError as error:
            said |= dict.fromkeys(error.problems)
    return list(said)


def ended(files: TlsFiles, found: Certificates, now: float) -> list[str]:
    """What clients, or we, will not take for its date; a sentence each."""
    problems = []
    for name, path, until in (
        ("serve.tls_certificate", files.certificate, found.leaf_until),
        (files.client_ca_setting, files.client_ca, found.client_ca_until),
    ):
        if until is not None and until < now:
            when = datetime.fromtimestamp(until, UTC)
            problems.append(
                f"{name}: the certificate in {path} ended on {when:%Y-%m-%d %H:%M:%S} UTC: renew it"
            )
    return problems


def fingerprint(files: TlsFiles) -> Fingerprint:
    """Changes when a file is written, replaced, or reached by another link. Blocks as disks do."""
    return tuple(map(_identity, (files.certificate, files.key, files.client_ca)))


def _identity(path: Path | None) -> tuple[int, int, int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def read_certificates(files: TlsFiles) -> Certificates:
    """Read and judge the files; CertificateError names every mistake. Blocks as disks do."""
    problems: list[str] = []
    certificate = _read("serve.tls_certificate", files.certificate, problems)
    key = _read("serve.tls_key", files.key, problems)
    until = _ends("serve.tls_certificate", files.certificate, certificate, problems)
    client_ca, ca_until = None, None
    if files.client_ca is not None:
        client_ca = _read(files.client_ca_setting, files.client_ca, problems)
        ends = _ends(files.client_ca_setting, files.client_ca, client_ca, problems)
        ca_until = max(ends, default=None)
    if certificate is not None and key is not None and until:
        problems += _pair_problems(files, certificate, key)
    if problems or certificate is None or key is None:
        raise CertificateError(problems)
    return Certificates(
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        leaf_until=until[0],
        certificate_until=min(until),
        client_ca_until=ca_until,
    )


def server_context(found: Certificates) -> ssl.SSLContext:
    """What Python serves TLS with; clients must show a certificate where there is a CA for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # No handshake is shortened by an earlier one: whoever comes back is judged anew.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    with _in_memory(found.certificate + b"\n" + found.key) as path:
        context.load_cert_chain(path)
    if found.client_ca is not None:
        context.load_verify_locations(cadata=b"".join(parse_pem_certificates(found.client_ca)))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what the file holds is trusted
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _read(name: str, path: Path, problems: list[str]) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        problems.append(f"{name}: {path}: {error.strerror}: put the PEM file there")
        return None
    if len(content) > _MOST_BYTES:
        problems.append(f"{name}: {path} has more than {_MOST_BYTES} bytes: is it a PEM file?")
        return None
    return content


def _ends(name: str, path: Path, pem: bytes | None, problems: list[str]) -> list[int]:
    """When each certificate of the file ends; empty if there is none, which is told."""
    if pem is None:
        return []
    try:
        ends = []
        for der in parse_pem_certificates(pem):
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=der)
            ends.append(parse_not_after(der))
    except (ParseError, ssl.SSLError) as error:
        problems.append(f"{name}: {path} holds a broken certificate: {error}")
        return []
    if not ends:
        problems.append(f"{name}: {path} holds no PEM certificate (BEGIN CERTIFICATE)")
    return ends


def _pair_problems(files: TlsFiles, certificate: bytes, key: bytes) -> Iterator[str]:
    if b"PRIVATE KEY-----" not in key:
        yield f"serve.tls_key: {files.key} holds no PEM key (BEGIN PRIVATE KEY)"
    elif b"ENCRYPTED" in key:
        yield f"serve.tls_key: {files.key} is encrypted: give it without a passphrase"
    else:
        try:
            # One file for both: what is judged is what was read, whatever happens to the files.
            with _in_memory(certificate + b"\n" + key) as path:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                yield (
                    f"serve.tls_key: {files.key} is not the key of the certificate in "
                    f"{files.certificate}: replace both"
                )
            else:
                yield (
                    f"serve.tls_key: {files.key} cannot be used with the certificate in "
                    f"{files.certificate}: {error.reason or error}"
                )


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path to the content, which never touches a disk: OpenSSL's Python binding takes no bytes.

    Owned by the block.
    """
    number = os.memfd_create("nodewitness-tls")
    try:
        os.write(number, content)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)
