"""agent.host.block_devices, on a sysfs that is made up, and on this host's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.block_devices import BlockDevices
from agent.host.root import HostRoot
from agent.model.disks import Disk, DiskKind
from tests.host.this_host import HOST

STATS = b"""\
 253 0 dm-0 1 0 8 1 0 0 0 0 0 1 1
 7 0 loop0 1 0 8 1 0 0 0 0 0 1 1
 259 0 nvme0n1 1 0 8 1 0 0 0 0 0 1 1
 259 1 nvme0n1p1 1 0 8 1 0 0 0 0 0 1 1
 254 0 vda 1 0 8 1 0 0 0 0 0 1 1
 43 0 nbd0 1 0 8 1 0 0 0 0 0 1 1
"""
MOUNTS = b"""\
21 1 259:1 / /boot\\040x rw - ext4 /dev/nvme0n1p1 rw
22 1 253:0 / /data rw - ext4 /dev/mapper/vg rw
23 1 0:5 / /proc rw - proc proc rw
"""


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    block = tmp_path / "sys/block"
    (block / "dm-0/dm").mkdir(parents=True)
    (block / "dm-0/slaves/nvme0n1p1").mkdir(parents=True)
    (block / "dm-0/dm/name").write_text("vg0-data\n")
    (block / "dm-0/dm/suspended").write_text("1\n")
    (block / "loop0/loop").mkdir(parents=True)
    (block / "loop0/loop/backing_file").write_text("/var/a.img\n")
    (block / "nvme0n1/nvme0n1p1").mkdir(parents=True)
    (block / "nvme0n1/nvme0n1p1/dev").write_text("259:1\n")
    (block / "vda").mkdir()
    (block / "nbd0").mkdir()
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/mountinfo").write_bytes(MOUNTS)
    (tmp_path / "proc/diskstats").write_bytes(STATS)
    return HostRoot.at(tmp_path)


def test_describe(root: HostRoot) -> None:
    """Each whole device: its kind, its name, what is beneath, and where it is mounted."""
    devices = BlockDevices(root)
    found = devices.describe(devices.counters())
    assert found["253:0"] == Disk(
        id="253:0",
        name="dm-0",
        kind=DiskKind.DEVICE_MAPPER,
        label="vg0-data",
        beneath=("nvme0n1p1",),
        mounts=("/data",),
    )
    assert found["7:0"].label == "/var/a.img"
    assert (found["259:0"].part_ids, found["259:0"].part_names) == (("259:1",), ("nvme0n1p1",))
    assert found["259:0"].mounts == ("/boot x",)
    assert (found["254:0"].kind, found["43:0"].kind) == (DiskKind.VIRTIO, DiskKind.OTHER)
    assert "259:1" not in found
    assert devices.suspended("dm-0")
    assert not devices.suspended("vda")


def test_little(root: HostRoot) -> None:
    """Without a mount table nothing is mounted; without sysfs or procfs it is said."""
    devices = BlockDevices(root)
    counters = devices.counters()
    os.unlink(root.proc / "1/mountinfo")
    assert devices.describe(counters)["253:0"].mounts == ()
    os.unlink(root.proc / "diskstats")
    with pytest.raises(SourceAbsent):
        devices.counters()
    with pytest.raises(SourceAbsent):
        BlockDevices(HostRoot.at(root.root / "nowhere")).describe(counters)


def test_this_host() -> None:
    """Whatever this machine has, can be read."""
    devices = BlockDevices(HOST)
    found = devices.describe(devices.counters())
    assert all(disk.id == identity for identity, disk in found.items())
