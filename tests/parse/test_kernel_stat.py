"""agent.parse.kernel_stat, and the averages of loadavg."""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.cpu import CpuTimes, Load
from agent.parse.kernel_stat import parse_kernel_stat
from agent.parse.loadavg import parse_load

STAT = b"""\
cpu  6102596 666042 277375 1791254 4458 0 43879 33757 0 0
cpu0 3062116 327382 134861 894834 2588 0 21303 16825 0 0
cpu1 3040479 338660 142514 896419 1870 0 22575 16932 0 0
intr 82634644 0 0 0
ctxt 249285886
btime 1795758834
processes 1008228
procs_running 14
procs_blocked 3
softirq 24970769 0 2394176 93 6073077 2300812 0 881 9383858 14002 4803870
"""


def test_kernel_stat() -> None:
    """nice is user time; what is foreign is skipped."""
    found = parse_kernel_stat(STAT)
    assert found.total == CpuTimes(
        user=6768638,
        system=277375,
        idle=1791254,
        iowait=4458,
        irq=0,
        softirq=43879,
        steal=33757,
    )
    assert (sorted(found.cpus), found.running, found.blocked) == ([0, 1], 14, 3)
    assert found.cpus[1].steal == 16932


@pytest.mark.parametrize(
    "data",
    [
        b"",
        STAT.replace(b"procs_running 14\n", b""),
        STAT.replace(b"cpu0 3062116", b"cpu0 x"),
        STAT.replace(b"cpu0", b"cpux"),
        STAT.replace(b" 16825 0 0", b""),
        STAT.replace(b"procs_blocked 3", b"procs_blocked -1"),
    ],
)
def test_no_kernel_stat(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_kernel_stat(data)


def test_load() -> None:
    assert parse_load(b"450.25 401.00 3.05 14/3518 3715089\n") == Load(
        one=450.25, five=401.0, fifteen=3.05
    )


@pytest.mark.parametrize(
    "data", [b"", b"1.00 2.00", b"1 2 3", b"1.0 2.00 3.00", b"-1.00 2.00 3.00"]
)
def test_no_load(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_load(data)
