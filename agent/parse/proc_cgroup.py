"""/proc/PID/cgroup

    4:memory:/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/253748b789a4
    1:name=systemd:/init.scope
    0::/kubepods.slice/kubepods-besteffort.slice (deleted)

Hierarchy 0 is v2. Its path gets " (deleted)" when the cgroup is removed while the process still
is in it, dead but not reaped (2e91fa7f6d45, Linux 4.2); a cgroup may be called that, too, so take
it as a hint. On v1 a process that is exiting shows as "/" (`proc_cgroup_show`,
kernel/cgroup/cgroup.c): there "/" may mean "no longer known". Paths outside the reader's cgroup
namespace begin with "/..".

https://docs.kernel.org/admin-guide/cgroup-v2.html#processes, cgroups(7)
"""

from __future__ import annotations

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.digits import number
from agent.parse.names import printable

_DELETED = b" (deleted)"


class ProcCgroup(Struct, frozen=True, kw_only=True):
    """The cgroups of one process."""

    v2_path: str | None  # None: the host has no v2 hierarchy; without " (deleted)"
    v2_deleted: bool
    v1_paths: dict[str, str]  # by controller, or "name=systemd" and the like

    @property
    def memory_path(self) -> str | None:
        """The path in the hierarchy that has the memory controller, v1 if it is there."""
        return self.v1_paths.get("memory", self.v2_path)


def parse_proc_cgroup(data: bytes) -> ProcCgroup:
    """The paths by hierarchy."""
    v2_path: str | None = None
    v2_deleted = False
    v1_paths: dict[str, str] = {}
    for line in data.split(b"\n"):
        if not line:
            continue
        fields = line.split(b":", 2)
        if len(fields) != 3 or not fields[0].isdigit() or not fields[2].startswith(b"/"):
            raise ParseError("cgroup: 'hierarchy:controllers:/path'", line)
        controllers, path = fields[1:]
        if controllers:
            for controller in controllers.split(b","):
                v1_paths[printable(controller)] = printable(path)
        else:
            v2_deleted = path.endswith(_DELETED)
            v2_path = printable(path.removesuffix(_DELETED))
    return ProcCgroup(v2_path=v2_path, v2_deleted=v2_deleted, v1_paths=v1_paths)


def parse_memory_hierarchy(data: bytes) -> int:
    """The number of the hierarchy that has the memory controller; 0 is v2."""
    for line in data.split(b"\n"):
        digits, _, rest = line.partition(b":")
        if b"memory" in rest.partition(b":")[0].split(b","):
            return number(digits, "cgroup: hierarchy")
    return 0
