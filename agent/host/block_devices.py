"""/proc/diskstats and /sys/block: block devices, what they lie on, and where they are mounted

    /sys/block/dm-0/dm/name         vg0-data
    /sys/block/dm-0/dm/suspended    1
    /sys/block/dm-0/slaves/         sda3
    /sys/block/loop0/loop/backing_file  /var/lib/images/a.img
    /sys/block/sda/sda3/dev         8:3

None of these files asks the device; they are read in a worker all the same. The mount table is that
of the host's first process.

https://docs.kernel.org/admin-guide/iostats.html, https://docs.kernel.org/block/stat.html,
https://docs.kernel.org/filesystems/proc.html (3.5 /proc/<pid>/mountinfo)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.model.disks import Disk, DiskCounters, DiskKind
from agent.parse.diskstats import parse_diskstats
from agent.parse.mountinfo import parse_mountinfo
from agent.parse.names import printable

_KINDS = (
    ("dm-", DiskKind.DEVICE_MAPPER),
    ("loop", DiskKind.LOOP),
    ("nvme", DiskKind.NVME),
    ("vd", DiskKind.VIRTIO),
    ("sd", DiskKind.SCSI),
    ("md", DiskKind.MD),
    ("xvd", DiskKind.XEN),
)
MAX_MOUNTS = 8
"""Of one device: a volume's device can be mounted for a hundred pods."""


class BlockDevices:
    """Reads the host's procfs and sysfs; holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._proc = root.proc
        self._block = root.sys / "block"

    def counters(self) -> tuple[DiskCounters, ...]:
        """All devices, partitions too. Raises SourceAbsent, ParseError."""
        return parse_diskstats(read_file(self._proc / "diskstats"))

    def describe(self, counters: Iterable[DiskCounters]) -> dict[str, Disk]:
        """Whole devices, by id. Raises SourceAbsent if sysfs cannot be listed; where the mount
        table cannot be read, no device is mounted anywhere.
        """
        try:
            whole = set(os.listdir(self._block))
        except OSError as error:
            raise SourceAbsent.of(error, self._block) from error
        mounts = self._mounts("1") or self._mounts("self")
        return {
            device.id: self._disk(device, mounts) for device in counters if device.name in whole
        }

    def suspended(self, name: str) -> bool:
        """Whether device-mapper holds back what is asked of it; where that is unknown, False."""
        return self._text(self._block / name / "dm/suspended") == "1"

    def _mounts(self, pid: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        try:
            for mount in parse_mountinfo(read_file(self._proc / pid / "mountinfo")):
                found.setdefault(mount.device, []).append(mount.mount_point)
        except (SourceAbsent, ParseError):
            return {}
        return found

    def _disk(self, device: DiskCounters, mounts: dict[str, list[str]]) -> Disk:
        at = self._block / device.name
        parts = dict(self._partitions(at, device.name))
        points = [point for key in (device.id, *parts) for point in mounts.get(key, ())]
        kind = next((k for prefix, k in _KINDS if device.name.startswith(prefix)), DiskKind.OTHER)
        label = ""
        if kind is DiskKind.DEVICE_MAPPER:
            label = self._text(at / "dm/name")
        elif kind is DiskKind.LOOP:
            label = self._text(at / "loop/backing_file")
        return Disk(
            id=device.id,
            name=device.name,
            kind=kind,
            label=label,
            beneath=self._list(at / "slaves"),
            mounts=tuple(dict.fromkeys(points))[:MAX_MOUNTS],
            part_ids=tuple(parts),
            part_names=tuple(parts.values()),
        )

    def _partitions(self, at: Path, name: str) -> Iterator[tuple[str, str]]:
        """Number and name of each."""
        for entry in self._list(at):
            if entry.startswith(name) and (device := self._text(at / entry / "dev")):
                yield device, entry

    def _list(self, path: Path) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(path)))
        except OSError:
            return ()

    def _text(self, path: Path) -> str:
        try:
            return printable(read_file(path).strip())
        except SourceAbsent:
            return ""
