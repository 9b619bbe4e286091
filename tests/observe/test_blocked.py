"""agent.observe.blocked and agent.host.task_scan, on a procfs that is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.block_io_delays import BlockIoDelays
from agent.host.open_devices import OpenDevices
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.host.task_scan import TaskScan
from agent.host.tasks import TaskReader
from agent.observe.blocked import MAX_TASKS, BlockedSight


class Host:
    def __init__(self, top: Path) -> None:
        self.root = HostRoot.at(top)
        self.root.proc.mkdir()
        self.scan = TaskScan(self.root)
        self.sight = BlockedSight(
            self.scan,
            TaskReader(self.root),
            ProcReader(self.root),
            OpenDevices(self.root),
            BlockIoDelays(self.root),
        )

    def add(self, pid: int, states: str, *, parent: int = 1, wchan: str = "io_schedule") -> Path:
        """A process with a thread in each of these states; tids follow the pid."""
        directory = self.root.proc / str(pid)
        for number, state in enumerate(states):
            stat = f"{pid + number} (a) {state} {parent} 1 1 0 0 0 0 0 0 0 0 0 0 0 0 20 0"
            stat += f" {len(states)} 0 5412 1019904 1\n"
            task = directory / "task" / str(pid + number)
            task.mkdir(parents=True)
            (task / "stat").write_text(stat)
            (task / "wchan").write_text(wchan)
            switches = f"voluntary_ctxt_switches:\t{number}\nnonvoluntary_ctxt_switches:\t7\n"
            (task / "status").write_text(switches)
            if number == 0:
                (directory / "stat").write_text(stat)
        (directory / "cgroup").write_text("0::/system.slice/a.service\n")
        return directory


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_scan(host: Host) -> None:
    """Each thread in state D, with where it waits; what is frozen does not wait for a disk."""
    host.add(100, "S")
    host.add(200, "SDS")
    host.add(300, "D", parent=2)
    host.add(400, "D", wchan="__refrigerator")
    (host.root.proc / "self").mkdir()
    scan = host.sight.scan()
    found = {b.task.tid: b for b in scan.tasks}
    assert set(found) == {201, 300}
    assert (scan.counted, scan.looked_at) == (2, 6)
    assert found[201].switches == 8
    assert (found[201].task.pid, found[201].task.wchan) == (200, "io_schedule")
    assert found[201].cgroup == "/system.slice/a.service"
    assert (found[201].kernel, found[300].kernel) == (False, True)


def test_gone(host: Host) -> None:
    """What ends while it is looked at is not there."""
    (host.add(100, "D") / "cgroup").unlink()
    (host.add(200, "D") / "stat").unlink()
    (host.add(300, "D") / "task/300/status").unlink()
    host.add(400, "DD")
    (host.root.proc / "400/task/401/stat").unlink()
    scan = host.sight.scan()
    assert {b.task.tid: b.switches for b in scan.tasks} == {300: None, 400: 7}


def test_many(host: Host) -> None:
    """All are counted, not all are read."""
    for number in range(MAX_TASKS + 3):
        host.add(10_000 + number, "D")
    scan = host.sight.scan()
    assert (len(scan.tasks), scan.counted) == (MAX_TASKS, MAX_TASKS + 3)


def test_details(host: Host) -> None:
    """A stack, or why there is none; the devices of a mount table, and of what is open."""
    directory = host.add(100, "D")
    (directory / "task/100/stack").write_text("[<0>] io_schedule+0x46/0x80\n")
    (directory / "mountinfo").write_text("22 1 253:0 / /data rw - ext4 /dev/x rw\n")
    (blocked,) = host.sight.scan().tasks
    (task,) = host.sight.stacks((blocked.task,))
    assert task.stack == ("io_schedule+0x46/0x80",)
    blind = host.sight.with_devices(blocked)
    assert blind.devices == frozenset(("253:0",))
    assert blind.opened is None
    for name in ("fd", "fdinfo"):
        (directory / name).mkdir()
    (directory / "fd/3").symlink_to("/data/f")
    (directory / "fdinfo/3").write_text("pos:\t0\nmnt_id:\t22\n")
    assert host.sight.with_devices(blocked).opened == frozenset(("253:0",))
    (directory / "mountinfo").unlink()
    assert host.sight.with_devices(blocked) == blocked
    assert blocked.devices is None


def test_io_delays(host: Host) -> None:
    """How long it has waited for block io, where the kernel counts that."""
    directory = host.add(100, "D")
    stat = directory / "task/100/stat"
    fields = stat.read_text().split()
    stat.write_text(" ".join([*fields, *["0"] * (41 - len(fields)), "250"]) + "\n")  # field 42
    scan = host.sight.scan()
    assert [task.io_delay_seconds for task in scan.tasks] == [None]
    assert scan.io_delay_absent.startswith("unsupported: ")
    (host.root.proc / "sys/kernel").mkdir(parents=True)
    (host.root.proc / "sys/kernel/task_delayacct").write_text("1\n")
    scan = host.sight.scan()
    assert [task.io_delay_seconds for task in scan.tasks] == [2.5]
    assert scan.io_delay_absent == ""


def test_no_procfs(tmp_path: Path) -> None:
    with pytest.raises(SourceAbsent):
        list(TaskScan(HostRoot.at(tmp_path / "nowhere")).blocked())
