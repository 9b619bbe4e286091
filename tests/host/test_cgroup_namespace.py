"""Entering the host's cgroup namespace, from one of our own."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cgroup_namespace import join_host_cgroup_namespace
from agent.host.root import HostRoot
from agent.model.absence import Absence

# A host of its own (pid 1 is the shell), and in it a container's namespace.
UNSHARED = ("unshare", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-c")
ENTER = """
import os
from pathlib import Path
from agent.host import cgroup_namespace
from agent.host.root import HostRoot

cgroup_namespace.PROC_CGROUP_INIT_INO = 1  # that of this machine need not be the kernel's first
host = HostRoot.at(Path("/"))
before = os.readlink("/proc/self/ns/cgroup")
assert before != os.readlink("/proc/1/ns/cgroup")
assert cgroup_namespace.join_host_cgroup_namespace(host) is True
assert os.readlink("/proc/self/ns/cgroup") == os.readlink("/proc/1/ns/cgroup")
assert cgroup_namespace.join_host_cgroup_namespace(host) is False
"""


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


def test_enters() -> None:
    """From a namespace of its own a thread comes to that of the first process; once is enough."""
    if subprocess.run([*UNSHARED, "unshare --cgroup true; true"], check=False).returncode:
        pytest.skip("namespaces cannot be made here")
    inside = 'unshare --cgroup "$0" -c "$1"; exit $?'  # a shell that stays is pid 1
    done = subprocess.run(
        [*UNSHARED, inside, sys.executable, ENTER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
