"""The two probes in the kernel's OOM killer, made to the measure of the kernel that runs

    p:nodewitness/oom_call_1f2e3d4c out_of_memory memcg=+16($arg1):x64 max=+408(+16($arg1)):u64
      i0=+104(+248(+0(+16($arg1)))):u64 n0=+0(+16(+248(+0(+16($arg1))))):x64[12] ...
    p:nodewitness/oom_kill_5a6b7c8d __oom_kill_process pid=+2416($arg1):s32 ...
      i0=+104(+248(+0(+32(+3600($arg1))))):u64 ...

out_of_memory(struct oom_control *oc) is each call, with the memory cgroup whose limit fired;
__oom_kill_process(struct task_struct *victim, const char *message) each process that it kills
(mm/oom_kill.c). The offsets are those of BTF. What is recorded are numbers, names of cgroups as
words of memory; agent.parse.oom_probe reads them.

The victim's cgroup is the one in /proc/PID/cgroup: on v2 of its css_set, where that is on v1 of the
memory controller's css in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.host.absence import SourceAbsent
from agent.host.dynamic_events import (
    MAX_ARGUMENT,
    DynamicEvent,
    define,
    is_recorded,
    record,
)
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence, Absent, ParseError
from agent.model.cgroup import CgroupMode
from agent.parse.btf import Btf
from agent.parse.oom_probe import CALL_PREFIX, KILL_PREFIX

CALL_FUNCTION = "out_of_memory"
KILL_FUNCTION = "__oom_kill_process"
MAX_LEVELS = 8
NAME_WORDS = 12
"""96 bytes: cri-containerd-<64 digits>.scope has 85."""

_BTF_LIMIT = 64 << 20
_POINTER_BYTES = 8
# Where kernels differ in a name, the newest first.
_START = ("start_boottime", "real_start_time")  # cf25e24db61c, Linux 5.5
_PARENT = ("__parent", "parent")  # 633488947ef6, Linux 6.15
_WANTED = {
    "oom_control": ("memcg",),
    "mem_cgroup": ("css", "memory"),
    "page_counter": ("max",),
    "cgroup_subsys_state": ("cgroup",),
    "task_struct": ("pid", "tgid", "cgroups", *_START),
    "css_set": ("subsys", "dfl_cgrp"),
    "cgroup": ("kn",),
    "kernfs_node": ("id", "name", *_PARENT),
}


class OOMProbes:
    """The probes of this kernel, for all instances of an agent that record them."""

    def __init__(self, root: HostRoot, mode: CgroupMode) -> None:
        self._root = root
        self._mode = mode
        # Parsed once, for that takes a second: the layout lasts as long as we.
        self._events: tuple[DynamicEvent, ...] = ()
        self._unfit: Absent | None = None  # why there are none for it

    def record(self, tracefs: Tracefs, instance: str) -> None:
        """Have them defined, and recorded by this instance. Raises SourceAbsent: VANISHED without
        the instance, else why the kernel cannot be probed.
        """
        self.define(tracefs)
        record(tracefs, instance, self._events)

    def define(self, tracefs: Tracefs) -> None:
        """Have them defined. Raises SourceAbsent: why the kernel cannot be probed."""
        if not self._events:
            self._events = self._fitting()
        for event in self._events:
            define(tracefs, event)

    def _fitting(self) -> tuple[DynamicEvent, ...]:
        if self._unfit is not None:
            raise SourceAbsent(self._unfit.absence, self._unfit.detail)
        data = _read_btf(self._root)
        try:
            return _probes(data, self._mode)
        except SourceAbsent as error:
            self._unfit = error.absent
            raise

    def is_recorded(self, tracefs: Tracefs, instance: str) -> bool:
        """Whether both are still defined and recorded. Raises SourceAbsent."""
        return bool(self._events) and all(
            is_recorded(tracefs, instance, event) for event in self._events
        )


def oom_probes(root: HostRoot, mode: CgroupMode) -> tuple[DynamicEvent, DynamicEvent]:
    """The probes of the call and of the kill. Raises SourceAbsent: UNSUPPORTED without BTF."""
    return _probes(_read_btf(root), mode)


def _read_btf(root: HostRoot) -> bytes:
    try:
        return read_file(root.sys / "kernel/btf/vmlinux", limit=_BTF_LIMIT)
    except SourceAbsent as error:
        if error.absent.absence is Absence.VANISHED:
            detail = "this kernel is built without CONFIG_DEBUG_INFO_BTF: its layout is not known"
            raise SourceAbsent(Absence.UNSUPPORTED, detail) from error
        raise


def _probes(data: bytes, mode: CgroupMode) -> tuple[DynamicEvent, DynamicEvent]:
    try:
        return _Layout(Btf(data)).probes(mode)
    except ParseError as error:
        raise SourceAbsent(Absence.FAILED, f"/sys/kernel/btf/vmlinux: {error}") from error


class _Layout:
    """Expressions of kprobe events: +OFFSET(ADDRESS) is what stands in memory there."""

    def __init__(self, btf: Btf) -> None:
        self._btf = btf
        self._offsets: dict[str, Mapping[str, int]] = {}
        for structure, members in _WANTED.items():
            found = btf.offsets(structure, members)
            if not found:  # RANDSTRUCT puts members into an unnamed structure
                found = btf.offsets(structure, members, nested=True)
            self._offsets[structure] = found

    def probes(self, mode: CgroupMode) -> tuple[DynamicEvent, DynamicEvent]:
        task, control = "$arg1", "$arg1"
        memcg = self._at("oom_control", "memcg", of=control)
        limit = self._offset("mem_cgroup", "memory") + self._offset("page_counter", "max")
        css = self._offset("mem_cgroup", "css") + self._offset("cgroup_subsys_state", "cgroup")
        call = DynamicEvent(
            prefix=CALL_PREFIX.decode(),
            function=CALL_FUNCTION,
            arguments=(
                f"memcg={memcg}:x64",
                f"max=+{limit}({memcg}):u64",
                *self._levels(self._node(f"+{css}({memcg})")),
            ),
        )
        kill = DynamicEvent(
            prefix=KILL_PREFIX.decode(),
            function=KILL_FUNCTION,
            arguments=(
                f"pid={self._at('task_struct', 'pid', of=task)}:s32",
                f"tgid={self._at('task_struct', 'tgid', of=task)}:s32",
                f"start={self._at('task_struct', *_START, of=task)}:u64",
                *self._levels(self._node(self._cgroup(task, mode))),
            ),
        )
        return call, kill

    def _cgroup(self, task: str, mode: CgroupMode) -> str:
        """The task's struct cgroup: cgroups->dfl_cgrp, or cgroups->subsys[memory]->cgroup."""
        css_set = self._at("task_struct", "cgroups", of=task)
        match mode:
            case CgroupMode.V2:
                return self._at("css_set", "dfl_cgrp", of=css_set)
            case CgroupMode.V1 | CgroupMode.HYBRID:
                number = self._btf.enumerator("cgroup_subsys_id", "memory_cgrp_id")
                if number is None:
                    raise SourceAbsent(Absence.UNSUPPORTED, "this kernel has no memory controller")
                subsys = self._offset("css_set", "subsys") + number * _POINTER_BYTES
                return self._at("cgroup_subsys_state", "cgroup", of=f"+{subsys}({css_set})")

    def _node(self, cgroup: str) -> str:
        """The cgroup's struct kernfs_node."""
        return self._at("cgroup", "kn", of=cgroup)

    def _levels(self, node: str) -> Iterator[str]:
        """Ids and names from a kernfs_node upwards, as far as the kernel takes them."""
        parent = self._offset("kernfs_node", *_PARENT)
        for level in range(MAX_LEVELS):
            inode = f"{self._at('kernfs_node', 'id', of=node)}:u64"
            name = f"+0({self._at('kernfs_node', 'name', of=node)}):x64[{NAME_WORDS}]"
            if len(inode) > MAX_ARGUMENT:
                return
            yield f"i{level}={inode}"
            if len(name) <= MAX_ARGUMENT:
                yield f"n{level}={name}"
            node = f"+{parent}({node})"

    def _at(self, structure: str, *members: str, of: str) -> str:
        return f"+{self._offset(structure, *members)}({of})"

    def _offset(self, structure: str, *members: str) -> int:
        """Of the first of these members that the structure has."""
        found = self._offsets[structure]
        for member in members:
            if member in found:
                return found[member]
        raise SourceAbsent(
            Absence.UNSUPPORTED, f"this kernel's struct {structure} has no member {members[0]}"
        )
