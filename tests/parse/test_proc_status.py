"""agent.parse.proc_status"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.process import ProcessStatus
from agent.parse.proc_status import parse_status

STATUS = (
    b"Name:\t%b\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t829\nPid:\t829\nPPid:\t812\n"
    b"Uid:\t1000\t1001\t0\t0\nGid:\t7\t7\t7\t7\nGroups:\t \nNStgid:\t829\t1\nNSpid:\t829\t1\n"
    b"NSpgid:\t829\t1\nVmPeak:\t    2928 kB\n"
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"work", "work"),
        (rb"a\nUid:", r"a\x0aUid:"),
        (rb"a\\nb", r"a\nb"),
        (b"Uid:\t5", r"Uid:\x095"),
        (b"", ""),
        (b"\xff", r"\xff"),
    ],
)
def test_status(name: bytes, shown: str) -> None:
    """The kernel's escapes in the name are undone; a name cannot imitate a line."""
    assert parse_status(STATUS % name) == ProcessStatus(
        name=shown, uid=1000, namespace_pids=(829, 1)
    )


def test_without_nspid() -> None:
    """A kernel without pid namespaces tells no pids; that is not an error."""
    assert parse_status(b"Name:\ta\nUid:\t0\t0\t0\t0\n").namespace_pids == ()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Name:\ta\n",
        b"Uid:\t0\t0\t0\t0\n",
        b"Name:\ta\nUid:\tx\n",
        b"Name:\ta\nUid:\t0\t0\nNSpid:\t1\tx\n",
        b"Name:\ta\nUid:\t0\t0\nNSpid:\t\n",
    ],
)
def test_refused(text: bytes) -> None:
    """A known line that is missing or malformed."""
    with pytest.raises(ParseError):
        parse_status(text)
