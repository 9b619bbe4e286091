"""The node's count of OOM kills."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.root import HostRoot
from agent.host.vmstat import VmStat
from agent.model.absence import Absence, ParseError
from tests.host.this_host import HOST, oom_kill


def test_a_kill_is_counted(cgroups: CgroupFs) -> None:
    """The kept descriptor sees each kill of the node."""
    vmstat = VmStat(HOST)
    try:
        before = vmstat.oom_kill()
        with oom_kill(cgroups, "vmstat") as (_, child):
            child.go()
            child.wait()
        assert vmstat.oom_kill() > before  # others may kill at the same time
    finally:
        vmstat.close()
        vmstat.close()


def test_a_file_longer_than_a_page(tmp_path: Path) -> None:
    """The line is found wherever it stands."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/vmstat").write_text("nr_zone 7\n" * 9000 + "oom_kill 41\nnr_free 1\n")
    vmstat = VmStat(HostRoot.at(tmp_path))
    assert vmstat.oom_kill() == 41
    (tmp_path / "proc/vmstat").write_text("nr_free 1\n")
    with pytest.raises(ParseError):
        vmstat.oom_kill()
    vmstat.close()


def test_missing_file(tmp_path: Path) -> None:
    """No procfs, no count."""
    with pytest.raises(SourceAbsent) as raised:
        VmStat(HostRoot.at(tmp_path))
    assert raised.value.absent.absence is Absence.VANISHED
