"""agent.parse.names"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parse.names import printable, printable_text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"", ""),
        (b"runc:[2:INIT]", "runc:[2:INIT]"),
        (b"a b", "a b"),
        (b"a\nb", r"a\x0ab"),
        (b"\x1b[2J", r"\x1b[2J"),
        (b"\x7f", r"\x7f"),
        ("café".encode(), r"caf\xc3\xa9"),
        (rb"system-getty\x2dx.slice", r"system-getty\x2dx.slice"),
    ],
)
def test_printable(name: bytes, text: str) -> None:
    """What is not printable ASCII becomes \\xNN; a backslash stays."""
    assert printable(name) == text
    assert printable_text(name.decode("latin-1")) == text


@given(name=st.binary())
def test_printable_is_safe_to_print(name: bytes) -> None:
    """No byte reaches a terminal, a label or a log line as anything but ASCII."""
    text = printable(name)
    assert text.isascii()
    assert text.isprintable()


def test_text_beyond_latin1() -> None:
    """Characters that are no bytes are named, not refused."""
    assert printable_text("\u20ac\ud800") == r"\u20ac\ud800"
