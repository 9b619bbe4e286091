"""Entering the host's cgroup namespace; that it works, tests/lab/test_deploy.py sees."""

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_namespace import join_host_cgroup_namespace
from agent.host.root import HostRoot
from agent.model.absence import Absence


def procfs(root: Path, *processes: str) -> HostRoot:
    """A procfs whose namespaces are plain files: each is another one."""
    for process in processes:
        (root / f"proc/{process}/ns").mkdir(parents=True)
        (root / f"proc/{process}/ns/cgroup").touch()
    return HostRoot.at(root)


def test_stays_where_the_first_process_is(tmp_path: Path) -> None:
    """A namespace that is the first process's is the one to be in."""
    host = procfs(tmp_path, "self")
    (tmp_path / "proc/1/ns").mkdir(parents=True)
    (tmp_path / "proc/1/ns/cgroup").hardlink_to(tmp_path / "proc/self/ns/cgroup")
    assert join_host_cgroup_namespace(host) is False


def test_no_first_process(tmp_path: Path) -> None:
    """Without the host's processes there is nothing to enter, and it is said what to do."""
    with pytest.raises(SourceAbsent) as caught:
        join_host_cgroup_namespace(procfs(tmp_path, "self"))
    assert caught.value.absent.absence is Absence.VANISHED
    assert "hostPID" in str(caught.value)


def test_refused_by_the_kernel(tmp_path: Path) -> None:
    """What the kernel refuses to enter is absent, with the capability."""
    with pytest.raises(SourceAbsent, match="CAP_SYS_ADMIN"):
        join_host_cgroup_namespace(procfs(tmp_path, "self", "1"))
