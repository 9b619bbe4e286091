"""The guest's Debian: a layer made by debootstrap."""

import os
import shutil
from pathlib import Path

from tests.lab import apt
from tests.lab.cache import artefact
from tests.lab.command import CommandError, command

GUEST_PACKAGES = (
    "busybox-static",
    "containerd",
    "containernetworking-plugins",
    "dmsetup",
    "e2fsprogs",
    "iproute2",
    "iptables",
    "kmod",
    "procps",
    "python3",
    "runc",
    "socat",
    "strace",
    "util-linux",
)
LEFT_OUT = (
    "boot",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/cache/debconf",
    "var/lib/apt/lists",
)
# In namespaces of its own, so that all it mounts and starts goes with it when the build is killed.
CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount-proc", "--pid", "--fork", "--kill-child"),
)


def debian() -> tuple[Path, bool]:
    """The artefact with base.sqfs. Making it needs root."""
    inputs = (Path(__file__), apt.SUITE, *GUEST_PACKAGES)
    return artefact("debian", inputs, _make)


def _make(target: Path) -> None:
    if os.geteuid() != 0:
        raise CommandError("the lab's Debian is made by debootstrap, which needs root")
    tree, packages = target / "tree", ",".join(GUEST_PACKAGES)
    argv: list[str | Path] = [
        *CONTAINED,
        *("debootstrap", "--variant=minbase", f"--include={packages}"),
        *(apt.SUITE, tree, apt.mirror()),
    ]
    try:
        command(argv)
    except CommandError:  # it has no retries of its own, and fetches a hundred files
        shutil.rmtree(tree, ignore_errors=True)
        command(argv)
    for name in LEFT_OUT:
        shutil.rmtree(tree / name, ignore_errors=True)
    for name in ("opt/nodewitness", "var/lib/containerd", "var/log/pods"):
        (tree / name).mkdir(parents=True)
    command(["mksquashfs", tree, target / "base.sqfs", "-comp", "lz4", "-quiet", "-no-progress"])
    shutil.rmtree(tree)


def unpack(debian_artefact: Path, directory: Path, *names: str) -> Path:
    """Unpack files of the guest's Debian; returns the directory that holds them."""
    layer, root = debian_artefact / "base.sqfs", directory / "root"
    command(["unsquashfs", "-quiet", "-no-progress", "-d", root, layer, *names])
    return root
