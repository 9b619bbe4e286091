"""Where the memory controller's hierarchy is: cgroup v2, v1, or v1 beside an empty v2 (hybrid)

    35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
    41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,memory_recursiveprot

The mount table is that of the host's first process, whose /sys is our HostRoot.sys.

https://docs.kernel.org/filesystems/proc.html (3.5 /proc/<pid>/mountinfo)
https://docs.kernel.org/admin-guide/cgroup-v2.html#mounting
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.parse.cgroup_controllers import parse_controllers
from agent.parse.mountinfo import Mount, parse_mountinfo


class MemoryHierarchy(Struct, frozen=True, kw_only=True):
    """The hierarchy that holds the memory controller, and where we reach its root."""

    mode: CgroupMode
    mount_point: Path  # below HostRoot
    local_events_only: bool = False  # mounted with memory_localevents: memory.events sums nothing

    @property
    def name(self) -> str:
        """What CgroupId.hierarchy and /proc/PID/cgroup call it."""
        return "v2" if self.mode is CgroupMode.V2 else "memory"


def find_memory_hierarchy(root: HostRoot) -> MemoryHierarchy:
    """Raises SourceAbsent: UNSUPPORTED if the memory controller is switched off."""
    mounts = parse_mountinfo(_read_mountinfo(root))
    v2 = _place(root, [m for m in mounts if m.fstype == "cgroup2"])
    v1 = _place(root, [m for m in mounts if m.fstype == "cgroup" and "memory" in m.super_options])
    if v1 is not None:
        mode = CgroupMode.V1 if v2 is None else CgroupMode.HYBRID
        return MemoryHierarchy(mode=mode, mount_point=v1[1])
    if v2 is None:
        raise SourceAbsent(
            Absence.VANISHED, f"no cgroup file system is mounted below {root.sys}/fs/cgroup"
        )
    mount, mount_point = v2
    if "memory" not in parse_controllers(read_file(mount_point / "cgroup.controllers")):
        raise SourceAbsent(
            Absence.UNSUPPORTED,
            "the kernel's memory controller is switched off: boot with cgroup_enable=memory",
        )
    return MemoryHierarchy(
        mode=CgroupMode.V2,
        mount_point=mount_point,
        local_events_only="memory_localevents" in mount.super_options,
    )


def _read_mountinfo(root: HostRoot) -> bytes:
    """Of the host's first process; that takes ptrace rights, so ours is the second choice."""
    try:
        return read_file(root.proc / "1/mountinfo")
    except SourceAbsent:
        return read_file(root.proc / "self/mountinfo")


def _place(root: HostRoot, mounts: list[Mount]) -> tuple[Mount, Path] | None:
    """The mount of a hierarchy's own root that we can reach, and where."""
    for mount in reversed(mounts):  # the later hides the earlier
        for prefix in ("/sys/", f"{root.sys}/"):  # as the host's first process has it, and as we do
            if mount.root == "/" and mount.mount_point.startswith(prefix):
                return mount, root.sys / mount.mount_point.removeprefix(prefix)
    return None
