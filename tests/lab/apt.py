"""What the lab takes from Debian's apt, always through the machine's own apt configuration."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tests.lab.cache import cache_root
from tests.lab.command import CommandError, command

SUITE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
HOST_PACKAGES = (
    "qemu-system-x86",
    "debootstrap",
    "squashfs-tools",
    "busybox-static",
    "kmod",
    "cpio",
    "gcc",
    "libc6-dev",
    "xz-utils",
    "zstd",
)

# A fresh machine's own updates may hold the lock, and one broken connection is no reason to fail.
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5")
Options = tuple[str, ...]


def install_host_packages() -> tuple[str, ...]:
    """Install what is missing on this machine; returns what that was."""
    missing = tuple(package for package in HOST_PACKAGES if not _installed(package))
    if missing:
        if os.geteuid() != 0:
            raise CommandError(f"the lab needs these packages (root installs them): {missing}")
        command([*APT, "update", "-q"])
        command([*APT, "install", "-y", "-q", "--no-install-recommends", *missing])
    return missing


def _installed(package: str) -> bool:
    try:
        return "ok installed" in command(["dpkg-query", "-W", "-f", "${Status}", package])
    except CommandError:
        return False


def backports() -> Options:
    """Options of apt with which it knows Debian's backports and nothing else.

    Its lists lie in the cache: the machine's own apt is left as it is.
    """
    root = cache_root() / "apt-backports"
    for name in ("lists/partial", "cache/archives/partial"):
        (root / name).mkdir(parents=True, exist_ok=True)
    source = f"deb [signed-by={KEYRING}] {mirror()} {SUITE}-backports main\n"
    (root / "sources.list").write_text(source)
    settings = {
        "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": root / "lists",
        "Dir::Cache": root / "cache",
    }
    return tuple(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))


def kernel_package(options: Options = ()) -> tuple[str, str]:
    """Package and version that linux-image-amd64 depends on now.

    Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2)
    """
    for attempt in range(2):
        if attempt:
            command([*APT, *options, "update", "-q"])
        try:
            text = command(
                ["apt-cache", *options, "show", "--no-all-versions", "linux-image-amd64"]
            )
        except CommandError:
            continue
        found = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)", text, re.MULTILINE)
        if found:
            return found[1], found[2]
    raise CommandError("apt knows no kernel: linux-image-amd64 has no dependency here")


def download(package: str, directory: Path, options: Options = ()) -> Path:
    """Download a package's file into a directory; stale package lists are refreshed once."""
    try:
        command([*APT, *options, "download", "-q", package], cwd=directory)
    except CommandError:
        command([*APT, *options, "update", "-q"])
        command([*APT, *options, "download", "-q", package], cwd=directory)
    (file,) = directory.glob("*.deb")
    return file


def download_missing(packages: Sequence[str], status: Path, directory: Path) -> tuple[Path, ...]:
    """Download packages and what they need for a system with this dpkg status; their files."""
    (directory / "archives/partial").mkdir(parents=True)
    argv = [
        *APT,
        *("install", "-y", "-q", "--download-only", "--no-install-recommends"),
        *("-t", SUITE),  # as debootstrap has it, without updates: versions that fit together
        *("-o", f"Dir::State::status={status}"),
        *("-o", f"Dir::Cache={directory}"),
        *("-o", "Debug::NoLocking=1"),
        *packages,
    ]
    try:
        command(argv)
    except CommandError:
        command([*APT, "update", "-q"])
        command(argv)
    return tuple(sorted((directory / "archives").glob("*.deb")))


def mirror() -> str:
    """The base URL of Debian's archive as apt is configured here."""
    template = "$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)"
    for attempt in range(2):
        if attempt:
            command([*APT, "update", "-q"])
        for line in command([*APT, "indextargets", "--format", template]).splitlines():
            if line.startswith(f"Packages|Debian|Debian|{SUITE}|main|"):
                return line.rsplit("|", 1)[1]
    raise CommandError(f"apt on this machine has no source for Debian {SUITE} main")
