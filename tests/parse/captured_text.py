"""The captured texts beside this module, and what hypothesis makes of valid text."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

CAPTURED = Path(__file__).parent / "captured"

_TOKENS = (
    b"",
    b"\n",
    b" ",
    b"-1",
    b"_",
    b"+1",
    b"1.5",
    b"max",
    b"\x00",
    b"\xff",
    b"\\x0a",
    b"\\",
    b"9" * 21,
    b"9" * 5000,
    b"\xd9\xa3",  # ARABIC-INDIC DIGIT THREE
    b",pid=1,uid=0",
    b",task=",
    b",task_memcg=/",
    b") total-vm:",
    b"/",
    b":",
    b"(",
    b")",
)


def captured_lines(name: str) -> list[bytes]:
    """The lines of one captured file, each with its newline."""
    return (CAPTURED / name).read_bytes().splitlines(keepends=True)


@st.composite
def hostile(draw: st.DrawFn, *samples: bytes) -> bytes:
    """Any bytes at all, or a valid sample with a few cuts and insertions."""
    if not samples or draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=200))
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        until = draw(st.integers(at, min(len(data), at + 20)))
        data = data[:at] + draw(st.sampled_from(_TOKENS)) + data[until:]
    return data
