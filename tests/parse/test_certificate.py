"""How long certificates are valid, from PEM files that anyone may have written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse.certificate import parse_not_after, parse_pem_certificates
from tests.certificates import Authority

YEAR_2049 = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
YEAR_2050 = datetime(2050, 1, 1, tzinfo=UTC)
FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280: no well-defined end


@pytest.mark.parametrize("until", [YEAR_2049, YEAR_2050, FOR_EVER], ids=str)
def test_not_after(tmp_path: Path, until: datetime) -> None:
    """UTCTime ends with 2049, GeneralizedTime begins with 2050."""
    pem = Authority(tmp_path).issue("a.example", until=until).certificate.read_bytes()
    [der] = parse_pem_certificates(pem)
    assert parse_not_after(der) == until.timestamp()


def test_chain_in_its_order(tmp_path: Path) -> None:
    """Each certificate of the file; keys and remarks between them are skipped."""
    authority = Authority(tmp_path)
    pair = authority.issue("a.example")
    files = (pair.certificate, pair.key, authority.file)
    pem = b"\nsubject=CN\n".join(file.read_bytes() for file in files)
    found = [parse_not_after(der) for der in parse_pem_certificates(pem)]
    assert found == [pair.until.timestamp(), authority.until.timestamp()]


def test_no_certificate() -> None:
    """A file without one has none; what stands between the marks must be base64."""
    assert parse_pem_certificates(b"") == []
    with pytest.raises(ParseError):
        parse_pem_certificates(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----")


@pytest.fixture(scope="module")
def der(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    pem = Authority(tmp_path_factory.mktemp("ca")).issue("a.example").certificate.read_bytes()
    return parse_pem_certificates(pem)[0]


@given(at=st.integers(0, 300), byte=st.integers(0, 255))
def test_cut_and_changed(der: bytes, at: int, byte: int) -> None:
    """A certificate with a byte changed or its end cut off has an end, or is a ParseError."""
    for hostile in (der[:at] + bytes([byte]) + der[at + 1 :], der[:at]):
        try:
            assert isinstance(parse_not_after(hostile), int)
        except ParseError:
            continue
