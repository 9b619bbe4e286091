"""agent.host.runtime_process, on a procfs that is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.runtime_process import RuntimeProcesses, key_of
from agent.host.runtime_socket import RuntimeSocket
from agent.host.tasks import TaskReader
from agent.model.absence import ParseError
from agent.observe.runtime import RuntimeSight

POD = b"0::/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/" + b"a" * 64
SYSTEM = b"0::/system.slice/containerd.service"


class Host:
    def __init__(self, top: Path) -> None:
        self.root = HostRoot.at(top)
        (top / "proc/sys/kernel").mkdir(parents=True)
        self.processes = RuntimeProcesses(self.root, ProcReader(self.root))

    def add(self, pid: int, comm: str, state: str = "S", cgroup: bytes = SYSTEM) -> None:
        directory = self.root.proc / str(pid)
        directory.mkdir()
        tail = " ".join(["0"] * 13 + ["31", "0", "5412", "1019904", "21504"] + ["0"] * 17 + ["25"])
        stat = f"{pid} ({comm}) {state} 1 1 1 {tail} 0 0\n"
        (directory / "stat").write_text(stat)
        for tid in (pid, pid + 100_000):
            (directory / f"task/{tid}").mkdir(parents=True)
            (directory / f"task/{tid}/stat").write_text(stat)
        (directory / "comm").write_text(comm + "\n")
        (directory / "cgroup").write_bytes(cgroup + b"\n")
        words = ["/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", "5f0c", ""]
        (directory / "cmdline").write_bytes("\0".join(words).encode())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_daemon(host: Host) -> None:
    """Its figures; what it waited for block io is known only where the kernel accounts it."""
    host.add(998, "containerd", "T")
    found = host.processes.daemon(998)
    assert found is not None
    assert (found.comm, found.state, found.threads) == ("containerd", "T", 31)
    assert found.resident_bytes == 21504 * 4096
    assert found.unit == "containerd.service"
    assert found.key.start_boottime_ns == 54_120_000_000
    assert found.blkio_delay_seconds is None
    (host.root.proc / "sys/kernel/task_delayacct").write_text("1\n")
    found = host.processes.daemon(998)
    assert found is not None
    assert found.blkio_delay_seconds == 0.5  # of its two threads together


def test_gone(host: Host) -> None:
    """Reaped, or a zombie: nobody listens."""
    host.add(998, "containerd", "Z")
    assert host.processes.daemon(998) is None
    assert host.processes.daemon(999) is None


def test_named(host: Host) -> None:
    """Daemons and shims by name, unless they are in a pod, and what runc has made in one; what
    cannot be read is left out.
    """
    host.add(998, "containerd")
    host.add(1201, "containerd-shim")
    host.add(1202, "containerd-shim", cgroup=POD)
    host.add(1203, "crio", cgroup=POD)
    host.add(1204, "containerd-stre")
    host.add(1205, "crio")
    (host.root.proc / "1205/stat").unlink()
    host.add(1206, "runc:[2:INIT]", cgroup=POD)
    host.add(1207, "runc:[1:CHILD]")
    found = list(host.processes.named())
    assert {stat.pid: where.container_id for stat, where in found} == {
        998: "",
        1201: "",
        1206: "a" * 64,
    }
    assert {key_of(stat).start_boottime_ns for stat, _ in found} == {54_120_000_000}


def test_no_procfs(tmp_path: Path) -> None:
    root = HostRoot.at(tmp_path / "nowhere")
    with pytest.raises(SourceAbsent):
        list(RuntimeProcesses(root, ProcReader(root)).named())


def test_shim_flags(host: Host) -> None:
    host.add(1201, "containerd-shim")
    assert host.processes.shim_flags(1201).id == "5f0c"
    (host.root.proc / "1201/cmdline").write_bytes(b"")
    with pytest.raises(ParseError):
        host.processes.shim_flags(1201)


def test_inits(host: Host, tmp_path: Path) -> None:
    """What runc has made is found when processes are listed, and looked at again until it is gone
    or has become the container's own.
    """
    host.add(1206, "runc:[2:INIT]", "D", cgroup=POD)
    task = host.root.proc / "1206/task/1206"
    text = (task / "stat").read_text()
    (task / "wchan").write_text("io_schedule")
    sight = RuntimeSight(
        RuntimeSocket(tmp_path / "x.sock", ()), host.processes, TaskReader(host.root)
    )
    assert sight.look((), list_processes=False, threads=False).inits == ()
    (init,) = sight.look((), list_processes=True, threads=False).inits
    assert (init.container_id, init.task.state, init.task.wchan) == ("a" * 64, "D", "io_schedule")
    assert init.pod_uid == "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
    (task / "wchan").write_text("pipe_read")
    (init,) = sight.look((), list_processes=False, threads=False).inits
    assert init.task.wchan == "pipe_read"
    (task / "stat").write_text(text.replace("runc:[2:INIT]", "app"))
    assert sight.look((), list_processes=False, threads=False).inits == ()
