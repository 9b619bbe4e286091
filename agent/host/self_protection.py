"""The agent's own protection from a lack of memory: oom_score_adj, mlock2(2), and memory.min

What thrashes first on a node without memory and without swap is code: the pages of programs are
clean, so they are thrown away and read again from a disk that is busy. The agent's own are locked
as they are used (MLOCK_ONFAULT: what is never used costs nothing). Its data is left to swap:
locked, memory that is freed could not be given back (madvise(2) says EINVAL).

Reading /proc/self/maps and locking take our own mmap_lock alone; call `protect` in a worker
nevertheless, once all code is loaded.

https://man7.org/linux/man-pages/man2/mlock.2.html
https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
from collections.abc import Callable, Iterator

from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import CgroupFs
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.model.cgroup import CgroupMode, Limit
from agent.model.protection import Protection
from agent.parse.memory_limit import parse_memory_max
from agent.parse.proc_cgroup import parse_proc_cgroup
from agent.parse.proc_maps import Mapping, parse_maps

OOM_SCORE_ADJ = -997
"""As the kubelet has it for system-node-critical: we die after those whose death we report."""
MLOCK_ONFAULT = 1  # include/uapi/asm-generic/mman-common.h

_MIB = 1 << 20

Lock = Callable[[int, int], int]
"""mlock2(address, size, MLOCK_ONFAULT): 0 or an errno."""


def protect(root: HostRoot, fs: CgroupFs) -> tuple[Protection, ...]:
    """Take what can be taken; never raises."""
    return (_oom_score_adj(root), _locked(root, _mlock2), _memory_min(root, fs))


def _oom_score_adj(root: HostRoot) -> Protection:
    name = "oom_score_adj"
    path = root.proc / "self/oom_score_adj"
    try:
        was = int(read_file(path))
        if was <= OOM_SCORE_ADJ:
            return Protection(name=name, got=True, detail=str(was))
        try:
            path.write_text(f"{OOM_SCORE_ADJ}\n")
        except OSError as error:
            why = f"it is {was}: {error.strerror}; it needs CAP_SYS_RESOURCE"
            return Protection(name=name, got=False, detail=why)
        return Protection(name=name, got=True, detail=f"{OOM_SCORE_ADJ}, it was {was}")
    except (SourceAbsent, ValueError) as error:
        return Protection(name=name, got=False, detail=f"it cannot be read: {error}")


def _locked(root: HostRoot, lock: Lock) -> Protection:
    name = "mlock2"
    try:
        ours = tuple(_code(parse_maps(read_file(root.proc / "self/maps"))))
    except (SourceAbsent, ParseError) as error:
        return Protection(name=name, got=False, detail=f"our mappings cannot be read: {error}")
    wanted = sum(mapping.size for mapping in ours)
    limit = _raise_limit(wanted)
    done, refused = 0, 0
    for mapping in ours:
        refused = lock(mapping.start, mapping.size)
        if refused:
            break
        done += mapping.size
    if not refused:
        detail = f"{done // _MIB} MiB of code stay in memory once they are used"
        return Protection(name=name, got=True, detail=detail)
    why = f"{done // _MIB} of {wanted // _MIB} MiB of code are locked: {os.strerror(refused)}"
    if refused in (errno.ENOMEM, errno.EPERM, errno.EAGAIN):
        why += f"; RLIMIT_MEMLOCK is {limit // 1024} KiB: set LimitMEMLOCK= or give CAP_IPC_LOCK"
    return Protection(name=name, got=False, detail=why)


def _code(mappings: tuple[Mapping, ...]) -> Iterator[Mapping]:
    """What files are behind and nobody else writes: programs and libraries, executable first."""
    private = [m for m in mappings if m.inode and m.permissions[3] == "p"]
    return iter(sorted(private, key=lambda m: m.permissions[2] != "x"))


def _raise_limit(wanted: int) -> int:
    """The whole ranges count against the limit, used or not. With CAP_SYS_RESOURCE it can be
    raised for ourselves. What it is now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return soft
    enough = hard == unlimited or hard >= 2 * wanted
    for limit in ((2 * wanted, hard if enough else 2 * wanted), (hard, hard)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_MEMLOCK, limit)
            return limit[0]
    return soft


def _mlock2(address: int, size: int) -> int:
    try:
        call = ctypes.CDLL(None, use_errno=True).mlock2
    except AttributeError:  # a libc older than glibc 2.27
        return errno.ENOSYS
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint)
    return ctypes.get_errno() if call(address, size, MLOCK_ONFAULT) else 0


def _memory_min(root: HostRoot, fs: CgroupFs) -> Protection:
    """It protects as much as every cgroup above grants as well."""
    name = "memory.min"
    if fs.mode is not CgroupMode.V2:
        return Protection(name=name, got=False, detail="cgroup v1 has nothing like it")
    try:
        path = parse_proc_cgroup(read_file(root.proc / "self/cgroup")).v2_path or ""
        parts = [part for part in path.split("/") if part]
        if not parts:
            return Protection(name=name, got=False, detail="the agent is in the root cgroup")
        paths = ["/" + "/".join(parts[: end + 1]) for end in range(len(parts))]
        grants = [(_granted(fs.read(path, "memory.min")), path) for path in paths]
    except (SourceAbsent, ParseError) as error:
        return Protection(name=name, got=False, detail=f"it cannot be read: {error}")
    least, where = min(grants)
    if least:
        detail = f"{least // _MIB} MiB are never reclaimed for others"
        return Protection(name=name, got=True, detail=detail)
    why = f"it is 0 in {where}; set MemoryMin= of the unit and of each slice above it"
    return Protection(name=name, got=False, detail=why)


def _granted(data: bytes) -> int:
    value = parse_memory_max(data)  # its form is that of memory.max
    return 1 << 62 if isinstance(value, Limit) else value
