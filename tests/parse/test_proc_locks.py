"""agent.parse.proc_locks"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.proc_locks import FileLock, parse_locks

TEXT = b"""\
1: FLOCK  ADVISORY  WRITE 5130 00:19:48 0 EOF
1: -> FLOCK  ADVISORY  WRITE 5131 00:19:48 0 EOF
1:  -> FLOCK  ADVISORY  WRITE 5132 00:19:48 0 EOF
2: POSIX  ADVISORY  READ  712 fd:01:1705 128 128
3: LEASE  ACTIVE    READ  812 fd:01:1312 0 EOF
4: OFDLCK ADVISORY  WRITE -1 103:02:3 1073741826 1073742335
5: POSIX  *NOINODE* WRITE 512 <none>:0 0 EOF
6: DELEG  ACTIVE    READ  9 00:01:7 0 EOF
"""


def test_parse_locks() -> None:
    """Who has a lock, who waits for it, and on which file."""
    found = parse_locks(TEXT)
    assert found[0] == FileLock(
        number=1, waits=False, kind="FLOCK", pid=5130, device="0:25", inode=48
    )
    assert [(lock.pid, lock.waits) for lock in found[:3]] == [
        (5130, False),
        (5131, True),
        (5132, True),
    ]
    assert [(lock.kind, lock.device, lock.inode) for lock in found[3:]] == [
        ("POSIX", "253:1", 1705),
        ("LEASE", "253:1", 1312),
        ("OFDLCK", "259:2", 3),
        ("POSIX", "", 0),
        ("DELEG", "0:1", 7),
    ]
    assert found[5].pid == -1
    assert parse_locks(b"") == ()


def test_unknown_line() -> None:
    with pytest.raises(ParseError):
        parse_locks(b"1: FLOCK ADVISORY WRITE\n")
