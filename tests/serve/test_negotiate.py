"""Which format and encoding a scraper gets."""

from __future__ import annotations

import pytest

from agent.serve.negotiate import Format, accepts_gzip, choose_format

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format.TEXT),
        (PROMETHEUS_3, Format.OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0", Format.OPENMETRICS),
        ("Application/OpenMetrics-Text", Format.OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', Format.OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0", Format.TEXT),
        ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5", Format.TEXT),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.5", Format.TEXT),
        ("text/plain;q=0.5,application/openmetrics-text;q=0.9", Format.OPENMETRICS),
        ("text/plain, application/openmetrics-text", Format.TEXT),
        ("application/openmetrics-text;q=0", Format.TEXT),
        ("application/openmetrics-text;q=0,*/*;q=1", Format.TEXT),
        ("text/*;q=0.1,application/*;q=0.2", Format.OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.2,*/*;q=0.9", Format.TEXT),
        ("application/openmetrics-text;q=nonsense", Format.TEXT),
        ("application/openmetrics-text;q=nan,text/plain;q=0.1", Format.TEXT),
        (",;,=;;q", Format.TEXT),
    ],
)
def test_format(accept: str, expected: Format) -> None:
    """The heavier range wins, the more specific one speaks for a format, text breaks a tie."""
    assert choose_format(accept) is expected


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity, br", False),
    ],
)
def test_gzip(accept_encoding: str, expected: bool) -> None:
    """gzip is used where it is named or covered by "*", and not forbidden."""
    assert accepts_gzip(accept_encoding) is expected
