"""Which machine, kernel and boot: of captured hosts, and of this one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.boot import BootFacts, read_boot_facts
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from tests.host.this_host import HOST

BOOT_ID = "09c71941-006e-4a4e-9333-688fd78bfea5"


def lay_out(root: Path, files: dict[str, str]) -> HostRoot:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return HostRoot.at(root)


FILES = {
    "proc/sys/kernel/random/boot_id": BOOT_ID + "\n",
    "proc/sys/kernel/hostname": "ip-10-0-64-12\n",
    "proc/sys/kernel/osrelease": "6.1.0-56-amd64\n",
    "sys/devices/system/cpu/possible": "0-63\n",
    "etc/machine-id": "3d1219c7c4c5404aaa1f6d2a48adfda4\n",
}


def test_facts(tmp_path: Path) -> None:
    """All of it, from below the host root that is passed in."""
    assert read_boot_facts(lay_out(tmp_path, FILES)) == BootFacts(
        boot_id=BOOT_ID,
        machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
        hostname="ip-10-0-64-12",
        kernel_release="6.1.0-56-amd64",
        possible_cpus=64,
    )


def test_machine_id_is_looked_for_twice_and_may_be_missing(tmp_path: Path) -> None:
    """D-Bus had it first; a host without any is still a host."""
    files = FILES | {"etc/machine-id": "\n"}
    root = lay_out(tmp_path, files)
    assert read_boot_facts(root).machine_id == ""
    lay_out(tmp_path, {"var/lib/dbus/machine-id": "0123\n"})
    assert read_boot_facts(root).machine_id == "0123"


@pytest.mark.parametrize(
    ("text", "count"), [("0\n", 1), ("0-1\n", 2), ("0-3,8-11\n", 8), ("0,2,4\n", 3)]
)
def test_possible_cpus(tmp_path: Path, text: str, count: int) -> None:
    """A list of numbers and ranges."""
    files = FILES | {"sys/devices/system/cpu/possible": text}
    assert read_boot_facts(lay_out(tmp_path, files)).possible_cpus == count


def test_nonsense_is_an_error(tmp_path: Path) -> None:
    """Neither a list that is none nor a boot id that is none becomes a default."""
    for change in (
        {"sys/devices/system/cpu/possible": "many\n"},
        {"proc/sys/kernel/random/boot_id": "none\n"},
    ):
        with pytest.raises(ParseError):
            read_boot_facts(lay_out(tmp_path, FILES | change))


def test_without_boot_id_it_is_no_host(tmp_path: Path) -> None:
    """Everything hangs on the boot id."""
    root = lay_out(tmp_path, FILES)
    (tmp_path / "proc/sys/kernel/random/boot_id").unlink()
    with pytest.raises(SourceAbsent) as raised:
        read_boot_facts(root)
    assert raised.value.absent.absence is Absence.VANISHED


def test_this_host() -> None:
    """The real files parse, and agree with uname(2)."""
    facts = read_boot_facts(HOST)
    assert facts.kernel_release == os.uname().release
    assert facts.hostname == os.uname().nodename
    assert facts.possible_cpus >= len(os.sched_getaffinity(0))
