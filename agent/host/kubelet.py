"""The kubelet's process and its files: where its eviction thresholds and its arithmetic are found

Everything here may hang: cmdline takes the kubelet's mmap_lock, its program and its configuration
lie on disks. Call it in a worker with a deadline, never on the event loop.

A process counts as the kubelet if its name is "kubelet" and its cgroup is neither a pod's nor a
container's of the runtime: what comes from a container may call itself anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.absence import ParseError
from agent.parse.cgroup_path import place
from agent.parse.go_build_info import (
    ELF_HEADER_BYTES,
    MAX_BYTES,
    SECTION,
    BuildInfo,
    parse_elf_header,
    parse_go_build_info,
    parse_sections,
)
from agent.parse.kubelet_config import KubeletConfig, parse_kubelet_config
from agent.parse.kubelet_flags import KubeletFlags, parse_kubelet_flags

COMM = b"kubelet\n"
USUAL_CONFIGS = (
    "/var/lib/kubelet/config.yaml",
    "/etc/kubernetes/kubelet/config.json",
    "/etc/kubernetes/kubelet/kubelet-config.json",
    "/etc/kubernetes/kubelet/kubelet-config.yaml",
    "/etc/kubernetes/kubelet.conf",
    "/home/kubernetes/kubelet-config.yaml",
)
"""kubeadm; Amazon EKS, three of them; Red Hat OpenShift; Google GKE."""

_CONFIG_LIMIT = 1 << 20
_DROP_INS = 1000


class KubeletFinder:
    """Reads the host's procfs and root; holds nothing open."""

    def __init__(self, root: HostRoot, proc: ProcReader) -> None:
        self._root = root
        self._proc = proc

    def find(self, known: int | None = None) -> int | None:
        """Its pid; `known` is looked at first. None: no process is a kubelet of this node.

        Raises SourceAbsent if procfs cannot be listed.
        """
        if known is not None and self.is_kubelet(known):
            return known
        return next((pid for pid in self._pids() if self.is_kubelet(pid)), None)

    def is_kubelet(self, pid: int) -> bool:
        """Whether this process is one now, dead or alive."""
        try:
            if read_file(self._root.proc / str(pid) / "comm") != COMM:
                return False
            where = place(self._proc.memory_cgroup(pid))
        except (SourceAbsent, ParseError):
            return False
        return not where.pod_uid and not where.container_id

    def flags(self, pid: int) -> KubeletFlags:
        """Its command line. Raises SourceAbsent."""
        return parse_kubelet_flags(read_file(self._root.proc / str(pid) / "cmdline"))

    def build_info(self, pid: int) -> BuildInfo:
        """What its program is made of. Raises SourceAbsent, ParseError."""
        path = self._root.proc / str(pid) / "exe"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceAbsent.of(error, path) from error
        try:
            return _build_info(fd)
        except OSError as error:
            raise SourceAbsent.of(error, path) from error
        finally:
            os.close(fd)

    def config(self, path: str, pid: int | None) -> KubeletConfig:
        """One file, as the kubelet sees the path. Raises SourceAbsent, ParseError."""
        return parse_kubelet_config(self._read(path, pid))

    def drop_ins(self, directory: str, pid: int | None) -> tuple[str, ...]:
        """The *.conf files below a --config-dir, in the order in which the kubelet merges them.

        Raises SourceAbsent.
        """
        found: list[str] = []
        base = next((b for b in self._bases(pid) if _below(b, directory).is_dir()), None)
        if base is None:
            return ()
        top = _below(base, directory)
        for here, directories, names in os.walk(top):
            directories.sort()
            relative = os.path.relpath(here, top)
            found += [
                os.path.normpath(os.path.join(directory, relative, name))
                for name in names
                if name.endswith(".conf")
            ]
            if len(found) > _DROP_INS:
                break
        return tuple(sorted(found, key=lambda path: path.split("/")))

    def directory(self, path: str, pid: int | None) -> Path:
        """Where we reach a directory of the kubelet's."""
        for base in self._bases(pid):
            if _below(base, path).is_dir():
                return _below(base, path)
        return _below(self._root.root, path)

    def _read(self, path: str, pid: int | None) -> bytes:
        first: SourceAbsent | None = None
        for base in self._bases(pid):
            try:
                return read_file(_below(base, path), limit=_CONFIG_LIMIT)
            except SourceAbsent as error:
                first = first or error
        assert first is not None
        raise first

    def _bases(self, pid: int | None) -> tuple[Path, ...]:
        """The host's root; then the kubelet's own, for it may live in a container."""
        if pid is None:
            return (self._root.root,)
        return (self._root.root, self._root.proc / str(pid) / "root")

    def _pids(self) -> Iterator[int]:
        try:
            names = os.listdir(self._root.proc)
        except OSError as error:
            raise SourceAbsent.of(error, self._root.proc) from error
        return (int(name) for name in names if name.isdecimal())


def _below(base: Path, path: str) -> Path:
    return base / path.lstrip("/")


def _build_info(fd: int) -> BuildInfo:
    table = parse_elf_header(os.pread(fd, ELF_HEADER_BYTES, 0))
    sections = parse_sections(os.pread(fd, table.size, table.offset))
    if table.names >= len(sections):
        raise ParseError("the section of names", b"")
    _, names_offset, names_size = sections[table.names]
    names = os.pread(fd, min(names_size, MAX_BYTES), names_offset)
    for name, offset, size in sections:
        if names[name : name + len(SECTION) + 1] == SECTION + b"\0":
            return parse_go_build_info(os.pread(fd, min(size, MAX_BYTES), offset))
    raise ParseError("a program of Go", b"no section .go.buildinfo")
