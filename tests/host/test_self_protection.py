"""What a process can do for itself: on this machine in a child, for it cannot be undone."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from agent.host.root import HostRoot
from agent.host.self_protection import OOM_SCORE_ADJ, _locked, _memory_min, _oom_score_adj
from agent.model.cgroup import CgroupMode

MAPS = """\
00400000-00500000 r--p 00000000 fe:00 1  /python
00500000-00700000 r-xp 00000000 fe:00 1  /python
00700000-00900000 rw-s 00000000 fe:00 2  /shared
00900000-00b00000 rw-p 00000000 00:00 0
"""


class FakeFs:
    """One file a cgroup."""

    mode = CgroupMode.V2

    def __init__(self, granted: dict[str, bytes]) -> None:
        self._granted = granted

    def read(self, path: str, name: str) -> bytes:
        assert name == "memory.min"
        return self._granted[path]


def host(tmp_path: Path, **files: str) -> HostRoot:
    directory = tmp_path / "self"
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text)
    return HostRoot(proc=tmp_path, sys=tmp_path, run=tmp_path, root=tmp_path)


def test_code_is_locked_executable_first(tmp_path: Path) -> None:
    """Neither shared files nor what has no file."""
    asked: list[tuple[int, int]] = []

    def lock(address: int, size: int) -> int:
        asked.append((address, size))
        return 0

    taken = _locked(host(tmp_path, maps=MAPS), lock)
    assert asked == [(0x500000, 2 << 20), (0x400000, 1 << 20)]
    assert (taken.got, taken.detail) == (True, "3 MiB of code stay in memory once they are used")


def test_what_is_refused_is_said(tmp_path: Path) -> None:
    """How far it came, and what would help."""
    answers = iter((0, errno.ENOMEM))
    taken = _locked(host(tmp_path, maps=MAPS), lambda address, size: next(answers))
    assert not taken.got
    assert taken.detail.startswith("2 of 3 MiB of code are locked: Cannot allocate memory; RLIMIT")


@pytest.mark.parametrize(
    ("was", "now", "detail"), [("-998\n", "-998\n", "-998"), ("0\n", "-997\n", "-997, it was 0")]
)
def test_oom_score_adj(tmp_path: Path, was: str, now: str, detail: str) -> None:
    """It is only ever lowered."""
    root = host(tmp_path, oom_score_adj=was)
    taken = _oom_score_adj(root)
    assert (taken.got, taken.detail) == (True, detail)
    assert (tmp_path / "self/oom_score_adj").read_text() == now


@pytest.mark.parametrize(
    ("granted", "got", "words"),
    [
        ({"/a": b"max\n", "/a/b": b"83886080\n"}, True, "80 MiB are never reclaimed"),
        ({"/a": b"0\n", "/a/b": b"83886080\n"}, False, "it is 0 in /a;"),
        ({"/a": b"junk\n", "/a/b": b"0\n"}, False, "it cannot be read"),
    ],
)
def test_memory_min(tmp_path: Path, granted: dict[str, bytes], got: bool, words: str) -> None:
    """It is worth what the cgroups above grant."""
    taken = _memory_min(host(tmp_path, cgroup="0::/a/b\n"), FakeFs(granted))  # type: ignore[arg-type]
    assert taken.got is got
    assert words in taken.detail


_CHILD = """
from pathlib import Path
from agent.host.root import HostRoot
from agent.host.self_protection import _locked, _mlock2
root = HostRoot(proc=Path("/proc"), sys=Path("/sys"), run=Path("/run"), root=Path("/"))
taken = _locked(root, _mlock2)
status = Path("/proc/self/status").read_text()
print(taken.got, next(line.split()[1] for line in status.splitlines() if "VmLck" in line))
"""


def test_this_kernel_locks() -> None:
    """The kernel counts what was locked; or says no, and then less is."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD], capture_output=True, text=True, check=True, timeout=60
    )
    got, locked = done.stdout.split()
    assert got == "False" or int(locked) > 1000
    assert OOM_SCORE_ADJ == -997
