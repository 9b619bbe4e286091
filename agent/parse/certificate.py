"""X.509 certificates in PEM files: only how long they are valid.

    -----BEGIN CERTIFICATE-----
    MIIBszCCAVmgAwIBAgIUK...                 base64 of DER
    -----END CERTIFICATE-----

    Certificate ::= SEQUENCE { tbsCertificate SEQUENCE {
        version [0] OPTIONAL, serialNumber INTEGER, signature SEQUENCE, issuer SEQUENCE,
        validity SEQUENCE { notBefore Time, notAfter Time }, ... } ... }
    Time ::= UTCTime "261124043000Z" | GeneralizedTime "20501124043000Z"

Whether a certificate is genuine is asked of OpenSSL and BoringSSL, never of this module.
https://www.rfc-editor.org/rfc/rfc7468#section-5, https://www.rfc-editor.org/rfc/rfc5280#section-4.1
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

from agent.model.absence import ParseError

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")
_SEQUENCE, _INTEGER, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x02, 0x17, 0x18, 0xA0


def parse_pem_certificates(pem: bytes) -> list[bytes]:
    """The DER of each certificate in the file, in its order; other blocks are skipped."""
    found = []
    for body in _PEM.findall(pem):
        try:
            found.append(base64.b64decode(b"".join(body.split()), validate=True))
        except binascii.Error as error:
            raise ParseError("base64 between BEGIN and END CERTIFICATE", body) from error
    return found


def parse_not_after(der: bytes) -> int:
    """The last second in which the certificate is valid, in seconds since 1970."""
    certificate, _ = _element(der, _SEQUENCE)
    fields, _ = _element(certificate, _SEQUENCE)
    if fields[:1] == bytes([_VERSION]):
        _, fields = _element(fields, _VERSION)
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serialNumber, signature, issuer
        _, fields = _element(fields, tag)
    validity, _ = _element(fields, _SEQUENCE)
    _, rest = _element(validity, _UTC_TIME, _GENERALIZED_TIME)
    not_after, _ = _element(rest, _UTC_TIME, _GENERALIZED_TIME)
    return _seconds(not_after)


def _element(data: bytes, *tags: int) -> tuple[bytes, bytes]:
    """The contents of the first element, which has one of the tags, and what follows it."""
    if len(data) < 2 or data[0] not in tags:
        raise ParseError(f"a DER element with tag {' or '.join(map(hex, tags))}", data[:16])
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ParseError(f"a DER element of {length} bytes", data[:16])
    return data[start : start + length], data[start + length :]


def _seconds(text: bytes) -> int:
    if not re.fullmatch(rb"(\d\d)?\d{12}Z", text):
        raise ParseError("a time such as 261124043000Z", text)
    digits = text[:-1].decode()
    if len(digits) == 12:  # UTCTime is of 1950 to 2049
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    try:
        when = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise ParseError("a time such as 261124043000Z", text) from error
    return int(when.timestamp())
