"""agent.parse.shim_flags"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse.shim_flags import ShimFlags, parse_shim_flags

SHIM = b"/usr/bin/containerd-shim-runc-v2\0"
NAMES = st.text(alphabet="abcdef0123456789", min_size=1, max_size=64)


@given(namespace=NAMES, identity=NAMES, dashes=st.sampled_from(["-", "--"]), joined=st.booleans())
def test_forms(namespace: str, identity: str, dashes: str, joined: bool) -> None:
    """Go's flags: one dash or two, the value behind "=" or in the next word."""
    between = "=" if joined else "\0"
    words = f"{dashes}namespace{between}{namespace}\0{dashes}id{between}{identity}\0"
    found = parse_shim_flags(SHIM + words.encode())
    assert found == ShimFlags(namespace=namespace, id=identity)


def test_no_id() -> None:
    """The process that starts a shim, and whatever else has its name."""
    for data in (b"", SHIM, SHIM + b"-v\0", SHIM + b"-id\0"):
        with pytest.raises(ParseError):
            parse_shim_flags(data)
