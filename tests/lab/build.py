"""What the machine boots from: made when its inputs have changed, else taken from the cache."""

import compileall
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab import apt
from tests.lab.cache import PROJECT
from tests.lab.debian import debian
from tests.lab.descriptors import cri_descriptors
from tests.lab.kernel import initramfs, kernel
from tests.lab.layer import guest_layer
from tests.lab.machines import CGROUPFS, Driver, MachineConfig
from tests.lab.systemd import systemd_layer
from tests.lab.wheels import GUEST_PYTHON, wheels

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefacts:
    """The files that one kind of machine boots from."""

    vmlinux: Path
    initramfs: Path
    layers: tuple[Path, ...]
    """squashfs images, the lowest first."""
    cri: Path
    """The CRI's FileDescriptorSet, serialized."""


def build(report: Report = lambda line: None, config: MachineConfig = CGROUPFS) -> Artefacts:
    """Make what is missing for such a machine, two things at a time.

    Reports a line with its seconds for each step.
    """

    def step(name: str, make: Callable[[], tuple[Path, bool]]) -> Path:
        began = time.monotonic()
        path, made = make()
        seconds = time.monotonic() - began
        report(f"{name:<12} {'built' if made else 'cached'} {seconds:6.1f} s")
        return path

    began = time.monotonic()
    installed = apt.install_host_packages()
    words = " ".join(installed) if installed else "all there"
    report(f"{'packages':<12} {words} {time.monotonic() - began:6.1f} s")
    with ThreadPoolExecutor(max_workers=2) as pool:
        base = pool.submit(step, "debian", debian)
        kernel_at = step(f"kernel {config.kernel.value}", lambda: kernel(config.kernel))
        initramfs_at = step("initramfs", lambda: initramfs(kernel_at))
        guest_at = step("guest", guest_layer)
        python_at = step("python", wheels)
        base_at = base.result()
    _compile_agent()
    cri_at = step("cri", lambda: cri_descriptors(base_at))
    layers = [base_at / "base.sqfs"]
    if config.driver is Driver.SYSTEMD:
        systemd_at = step("systemd", lambda: systemd_layer(base_at))
        layers.append(systemd_at / "systemd.sqfs")
    layers += [
        kernel_at / "modules.sqfs",
        python_at / "python.sqfs",
        guest_at / "guest.sqfs",
    ]
    return Artefacts(
        vmlinux=kernel_at / "vmlinux",
        initramfs=initramfs_at / "initramfs.cpio",
        layers=tuple(layers),
        cri=cri_at / "cri.binpb",
    )


def _compile_agent() -> None:
    """Leave bytecode beside the agent's modules: the guest reads it, for it compiles slowly.

    (The clone is read-only there. PYTHONPYCACHEPREFIX would hide the bytecode of everything else.)
    """
    if sys.version_info[:2] == GUEST_PYTHON:
        compileall.compile_dir(PROJECT / "agent", quiet=2)
