"""Which machine, which kernel, which boot."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.parse.boot_id import parse_boot_id


class BootFacts(Struct, frozen=True, kw_only=True):
    """What does not change until the next boot. Empty strings: the host does not say."""

    boot_id: str  # 36 characters, with dashes
    machine_id: str  # 32 hex digits
    hostname: str
    kernel_release: str
    possible_cpus: int  # CPUs that may ever be plugged in: what per-CPU buffers are multiplied by


def read_boot_facts(root: HostRoot) -> BootFacts:
    """Read them. Raises SourceAbsent only for what cannot be missing: the boot id and the CPUs."""
    kernel = root.proc / "sys/kernel"
    return BootFacts(
        boot_id=parse_boot_id(read_file(kernel / "random/boot_id")),
        machine_id=_first_line(root.root / "etc/machine-id", root.root / "var/lib/dbus/machine-id"),
        # The UTS namespace is the reader's, which is the host's in a pod of the host's network.
        hostname=_first_line(kernel / "hostname", root.root / "etc/hostname"),
        kernel_release=_first_line(kernel / "osrelease"),
        possible_cpus=_count_cpus(read_file(root.sys / "devices/system/cpu/possible")),
    )


def _first_line(*paths: Path) -> str:
    """The content of the first of the files that exists and says something, else ""."""
    for path in paths:
        try:
            if line := _line(read_file(path)):
                return line
        except SourceAbsent as error:
            if error.absent.absence is Absence.FAILED:
                raise
    return ""


def _line(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").strip()


def _count_cpus(data: bytes) -> int:
    """Count a list such as `0-3,8`: Documentation/admin-guide/cputopology.rst."""
    count = 0
    for part in data.strip().split(b","):
        first, _, last = part.partition(b"-")
        try:
            count += int(last or first) - int(first) + 1
        except ValueError:
            raise ParseError("a list of CPUs such as 0-3,8", data) from None
    return count
