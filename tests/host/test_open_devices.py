"""agent.host.open_devices, on a procfs that is made up, and on this process's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.host import open_devices
from agent.host.absence import SourceAbsent
from agent.host.open_devices import OpenDevices
from agent.host.root import HostRoot
from tests.host.this_host import HOST

MOUNTS = b"""\
21 1 259:1 / /boot rw - ext4 /dev/nvme0n1p1 rw
22 1 253:0 / /data rw - ext4 /dev/mapper/vg rw
23 1 0:5 / /dev rw - devtmpfs udev rw
"""


class Process:
    def __init__(self, top: Path) -> None:
        self.devices = OpenDevices(HostRoot.at(top))
        self.at = top / "proc/7"
        (self.at / "fd").mkdir(parents=True)
        (self.at / "fdinfo").mkdir()
        (self.at / "mountinfo").write_bytes(MOUNTS)

    def open(self, number: int, path: str, mount_id: int) -> Path:
        link = self.at / f"fd/{number}"
        link.symlink_to(path)
        (self.at / f"fdinfo/{number}").write_text(f"pos:\t0\nflags:\t02\nmnt_id:\t{mount_id}\n")
        return link

    def opened(self) -> frozenset[str]:
        return self.devices.opened(7, self.devices.mounts(7))


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


def test_files(process: Process) -> None:
    """Those of the mounts that its open files are on; what is on none of them, as a socket is, has
    none.
    """
    process.open(3, "/data/f", 22)
    process.open(4, "socket:[81]", 9)
    process.open(5, "/data/closed", 21)
    (process.at / "fdinfo/5").unlink()
    assert process.devices.mounts(7) == {21: "259:1", 22: "253:0", 23: "0:5"}
    assert process.opened() == {"253:0"}


def test_a_device(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is open itself: a volume that no file system is on. Other files are not asked."""
    disk = process.open(3, "/dev/nvme1n1", 23)
    process.open(4, "/dev/null", 23)
    process.open(5, "/data/f", 22)
    real, asked = os.stat, []

    def fake(path: str) -> os.stat_result:
        asked.append(Path(path).name)
        if path != str(disk):
            return real(path)
        found = list(real("/"))
        found[0] = stat.S_IFBLK
        return os.stat_result(found, {"st_rdev": os.makedev(259, 3)})

    monkeypatch.setattr(os, "stat", fake)
    assert process.opened() == {"259:3", "0:5", "253:0"}
    assert sorted(asked) == ["3", "4"]


def test_many(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all of them are read."""
    monkeypatch.setattr(open_devices, "MAX_DESCRIPTORS", 2)
    for mount in (21, 22, 23):
        process.open(mount, "/data/f", mount)
    assert len(process.opened()) == 2


def test_gone(process: Process) -> None:
    with pytest.raises(SourceAbsent):
        process.devices.mounts(8)
    with pytest.raises(SourceAbsent):
        process.devices.opened(8, {})


def test_this_process(tmp_path: Path) -> None:
    """The device of a file that is open."""
    devices = OpenDevices(HOST)
    mounts = devices.mounts(os.getpid())
    with (tmp_path / "f").open("w") as file:
        text = Path(f"/proc/self/fdinfo/{file.fileno()}").read_text()
        (line,) = (line for line in text.splitlines() if line.startswith("mnt_id:"))
        assert mounts[int(line.split()[1])] in devices.opened(os.getpid(), mounts)
