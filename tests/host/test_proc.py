"""Processes of this machine, of captured ones, and the capture of one that is being killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agent.host import proc as module
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.clock import HostClock, ticks_to_ns
from agent.host.proc import ProcReader, is_init
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.process import ProcessCapture
from tests.host.this_host import HOST, eater, scratch

READER = ProcReader(HOST)
NOW = HostClock().boottime_ns

POD = "/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/253748b789a4"


def capture_host(tmp_path: Path, pid: int, **files: str) -> ProcReader:
    """A captured process."""
    directory = tmp_path / "proc" / str(pid)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return ProcReader(HostRoot.at(tmp_path))


def stat_text(pid: int, start_ticks: int, state: str = "R") -> str:
    return (
        f"{pid} (work) {state} 812 829 829 0 -1 4194560 62 0 0 0 0 0 0 0 20 0 1 0 {start_ticks} 1\n"
    )


def status_text(*pids: int) -> str:
    return "Name:\twork\nUid:\t0\t0\t0\t0\nNSpid:\t" + "\t".join(map(str, pids)) + "\n"


V2 = f"0::{POD}\n"


def test_ourselves() -> None:
    """What the kernel says of this process."""
    pid = os.getpid()
    stat, status = READER.stat(pid), READER.status(pid)
    assert (stat.pid, stat.ppid, status.uid) == (pid, os.getppid(), os.getuid())
    assert status.namespace_pids[-1] == pid
    assert READER.alive(pid, ticks_to_ns(stat.start_ticks))
    assert not READER.alive(pid, ticks_to_ns(stat.start_ticks + 1))  # the pid of another


def test_life_and_death() -> None:
    """A zombie is not alive, but can still be captured; what is reaped is gone."""
    with eater() as child:
        start_ns = ticks_to_ns(READER.stat(child.pid).start_ticks)
        assert READER.alive(child.pid, start_ns)
        child.kill()
        child.wait()
        assert not READER.alive(child.pid, start_ns)
        capture = READER.capture(child.pid, not_after_boottime_ns=NOW())
        assert capture is not None
        assert (capture.state, capture.start_boottime_ns) == ("Z", start_ns)
        assert child.reap() == -signal.SIGKILL
        assert not READER.alive(child.pid, start_ns)
        assert READER.capture(child.pid, not_after_boottime_ns=NOW()) is None
        with pytest.raises(SourceAbsent) as raised:
            READER.stat(child.pid)
        assert raised.value.absent.absence is Absence.VANISHED


def test_cgroup_of_a_live_process(cgroups: CgroupFs) -> None:
    """The path in the memory hierarchy, the same that opens its counters."""
    with scratch(cgroups, "proc") as cgroup, eater() as child:
        cgroup.add(child.pid)
        assert READER.memory_cgroup(child.pid) == cgroup.path
        capture = READER.capture(child.pid, not_after_boottime_ns=NOW())
        assert capture is not None
        assert capture.cgroup == cgroup.path
        assert not capture.cgroup_deleted
        assert capture.container_init is False
        assert capture.namespace_pid == READER.status(child.pid).namespace_pids[-1]


def test_a_later_process_is_not_the_victim() -> None:
    """A pid that was used again after the kill belongs to somebody else."""
    pid = os.getpid()
    start_ns = ticks_to_ns(READER.stat(pid).start_ticks)
    assert READER.capture(pid, not_after_boottime_ns=start_ns) is not None
    assert READER.capture(pid, not_after_boottime_ns=start_ns - 2_000_000_000) is None


def test_capture_of_a_container_init(tmp_path: Path) -> None:
    """All of it: identity, place, and that the container dies with it."""
    reader = capture_host(
        tmp_path, 829, stat=stat_text(829, 5412), status=status_text(829, 1), cgroup=V2
    )
    assert reader.capture(829, not_after_boottime_ns=ticks_to_ns(5413)) == ProcessCapture(
        pid=829,
        comm="work",
        state="R",
        start_boottime_ns=ticks_to_ns(5412),
        cgroup=POD,
        namespace_pid=1,
        container_init=True,
    )


@pytest.mark.parametrize(
    ("cgroup", "path", "deleted"),
    [
        (f"0::{POD}\n", POD, False),
        (f"0::{POD} (deleted)\n", POD, True),
        ("0::/\n", "/", False),  # v2 has a true answer until the process is reaped
        (f"4:memory:{POD}\n1:cpu:/\n0::/\n", POD, False),
        ("4:memory:/\n1:cpu:/\n0::/\n", "", False),  # v1 says so of everybody who exits
        (f"4:memory:/\n1:cpu:/\n0::{POD}\n", POD, False),
        ("0::/../../kubepods/x\n", "", False),
        ("4:memory:/../x\n0::/\n", "", False),
        ("what is this\n", "", False),
        (None, "", False),
    ],
)
def test_cgroup_at_death(tmp_path: Path, cgroup: str | None, path: str, deleted: bool) -> None:
    """The path where it is known, and never a guess."""
    files = {"stat": stat_text(829, 5412, "Z")} | ({"cgroup": cgroup} if cgroup else {})
    reader = capture_host(tmp_path, 829, **files)
    capture = reader.capture(829, not_after_boottime_ns=ticks_to_ns(5412))
    assert capture is not None
    assert (capture.cgroup, capture.cgroup_deleted) == (path, deleted)
    assert (capture.namespace_pid, capture.container_init) == (None, None)  # no status


def test_no_capture_without_identity(tmp_path: Path) -> None:
    """Without a start time nothing proves whose cgroup it is."""
    reader = capture_host(tmp_path, 829, cgroup=V2, status=status_text(829, 1))
    assert reader.capture(829, not_after_boottime_ns=NOW()) is None
    capture_host(tmp_path, 829, stat="829 (work\n")
    assert reader.capture(829, not_after_boottime_ns=NOW()) is None
    assert reader.capture(830, not_after_boottime_ns=NOW()) is None


@pytest.mark.parametrize(
    ("pids", "init"), [((829, 1), True), ((829, 7, 1), False), ((829, 7), False), ((1,), False)]
)
def test_init_of_a_namespace(pids: tuple[int, ...], init: bool) -> None:
    """Pid 1 just below the reader's namespace; neither the host's own nor a deeper one's is."""
    assert is_init(pids) is init


def test_init_of_a_container(tmp_path: Path) -> None:
    """Found among the container's pids, of which some may be gone by now."""
    capture_host(tmp_path, 831, status=status_text(831, 7))
    reader = capture_host(tmp_path, 829, status=status_text(829, 1))
    assert reader.init_of((830, 831, 829)) == 829
    assert reader.init_of((830, 831)) is None
    assert reader.init_of(()) is None
    capture_host(tmp_path, 832, status="Name:\twork\n")
    with pytest.raises(ParseError):
        reader.init_of((832,))


def test_namespaces_of_our_own_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be seen from a namespace of our own is no secret, and there is a way out."""
    for name, advice in (("PID", "hostPID: true"), ("CGROUP", "CAP_SYS_PTRACE")):
        for constant in ("PROC_PID_INIT_INO", "PROC_CGROUP_INIT_INO"):
            kind = constant.split("_")[1].lower()
            inode = os.stat(f"/proc/self/ns/{kind}").st_ino
            monkeypatch.setattr(module, constant, inode)
        READER.check_namespaces()
        monkeypatch.setattr(module, f"PROC_{name}_INIT_INO", 1)
        with pytest.raises(SourceAbsent, match=advice) as raised:
            READER.check_namespaces()
        assert raised.value.absent.absence is Absence.DENIED
