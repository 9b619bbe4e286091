"""agent.parse.quantity and go_duration: figures as the kubelet reads them."""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.go_duration import parse_go_duration
from agent.parse.quantity import parse_percentage, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100Mi", 100 << 20),
        ("1.5Gi", 3 << 29),
        ("500M", 500_000_000),
        ("1e9", 10**9),
        ("12E", 12 * 10**18),
        ("250000k", 250_000_000),
        ("128974848", 128974848),
        ("1500m", 2),
        ("+1Ki", 1024),
        (".5Ki", 512),
    ],
)
def test_quantity(text: str, value: int) -> None:
    assert parse_quantity(text.encode()) == value


@pytest.mark.parametrize("text", ["", "Mi", "1 Mi", "-1Mi", "0", "1mi", "1KiB", "1e", "10%", "1_0"])
def test_no_quantity(text: str) -> None:
    with pytest.raises(ParseError):
        parse_quantity(text.encode())


def test_percentage_is_a_float32() -> None:
    """As the kubelet computes 10% of 8 GiB: its float32 is a little more than 0.1."""
    assert int((8 << 30) * parse_percentage(b"10%")) == 858993472
    assert parse_percentage(b"5%") != 0.05
    assert parse_percentage(b"50%") == 0.5


@pytest.mark.parametrize("text", ["", "%", "10", "101%", "-1%", "1e1%", "nan%"])
def test_no_percentage(text: str) -> None:
    with pytest.raises(ParseError):
        parse_percentage(text.encode())


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90), ("1.5h", 5400), ("500ms", 0.5), ("0", 0), ("2m", 120)]
)
def test_go_duration(text: str, seconds: float) -> None:
    assert parse_go_duration(text.encode()) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "90", "1m 30s", "-1s", "1d"])
def test_no_go_duration(text: str) -> None:
    with pytest.raises(ParseError):
        parse_go_duration(text.encode())
