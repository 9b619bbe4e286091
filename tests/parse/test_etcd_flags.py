"""agent.parse.etcd_flags"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parse.etcd_flags import parse_etcd_directory

PATHS = st.text(alphabet="abc/", min_size=1, max_size=20).map(lambda path: "/" + path)


@given(data=PATHS, wal=PATHS, joined=st.booleans(), dashes=st.sampled_from(["-", "--"]))
def test_directory(data: str, wal: str, joined: bool, dashes: str) -> None:
    """That of the log, wherever it stands; else that of all."""
    between = "=" if joined else "\0"
    given_data = f"etcd\0{dashes}data-dir{between}{data}\0"
    assert parse_etcd_directory(given_data.encode()) == data
    both = f"{given_data}{dashes}wal-dir{between}{wal}\0"
    assert parse_etcd_directory(both.encode()) == wal


@pytest.mark.parametrize("data", [b"", b"etcd\0", b"etcd\0--name=a\0", b"etcd\0--data-dir\0"])
def test_none(data: bytes) -> None:
    assert parse_etcd_directory(data) == ""
