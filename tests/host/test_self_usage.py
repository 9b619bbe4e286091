"""What the agent itself uses."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import psutil
import pytest

from agent.host.absence import SourceAbsent
from agent.host.root import HostRoot
from agent.host.self_usage import SelfUsageSource
from agent.model.absence import Absence
from tests.host.this_host import HOST


def test_usage_is_ours() -> None:
    """CPU time grows with what we burn, descriptors with what we open."""
    source = SelfUsageSource(HOST)
    before = source.read()
    fd = os.open(HOST.root, os.O_PATH)
    try:
        assert source.read().open_fds == before.open_fds + 1
    finally:
        os.close(fd)
    assert before.resident_bytes > 1 << 20
    spent = resource.getrusage(resource.RUSAGE_SELF)
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert source.read().cpu_seconds >= spent.ru_utime + spent.ru_stime - 2 * tick - 0.5


def test_memory_of_the_node() -> None:
    """MemTotal, within a page of what sysconf(3) says."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert SelfUsageSource(HOST).node_memory_bytes() == pages


def test_without_ourselves_in_procfs(tmp_path: Path) -> None:
    """A captured host is no host that we run on; psutil stays where it was."""
    with pytest.raises(SourceAbsent) as raised:
        SelfUsageSource(HostRoot.at(tmp_path))
    assert raised.value.absent.absence is Absence.VANISHED
    assert psutil.PROCFS_PATH == "/proc"
