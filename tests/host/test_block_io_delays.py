"""agent.host.block_io_delays, on a procfs that is made up."""

from __future__ import annotations

from pathlib import Path

from agent.host.block_io_delays import BlockIoDelays
from agent.host.root import HostRoot


def thread(proc: Path, pid: int, tid: int, ticks: int) -> None:
    task = proc / str(pid) / "task" / str(tid)
    task.mkdir(parents=True)
    (task / "stat").write_text(f"{tid} (a) D {' '.join(['0'] * 38)} {ticks} 0 0\n")


def test_delays(tmp_path: Path) -> None:
    """Of a thread; of a process's threads together; 0 is what all have that are not counted."""
    root = HostRoot.at(tmp_path)
    delays = BlockIoDelays(root)
    thread(root.proc, 100, 100, 0)
    thread(root.proc, 100, 101, 25)
    thread(root.proc, 100, 102, 150)
    thread(root.proc, 200, 200, 0)
    (root.proc / "100/task/103").mkdir()
    assert delays.of_thread(100, 102) == 1.5
    assert delays.of_thread(100, 100) is None
    assert delays.of_thread(100, 103) is None
    assert delays.of_process(100) == 1.75
    assert delays.of_process(200) is None
    assert delays.of_process(300) is None


def test_absent(tmp_path: Path) -> None:
    """Why it is not known: never 0."""
    root = HostRoot.at(tmp_path)
    delays = BlockIoDelays(root)
    assert delays.absent().startswith("unsupported: ")
    assert "task_delayacct" in delays.absent()
    switch = root.proc / "sys/kernel/task_delayacct"
    switch.parent.mkdir(parents=True)
    switch.write_text("0\n")
    assert delays.absent() == "unsupported: kernel.task_delayacct is 0"
    switch.write_text("1\n")
    assert delays.absent() == ""
