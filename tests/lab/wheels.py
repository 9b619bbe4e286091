"""The agent's Python dependencies for the guest: requirements.lock, as one layer.

The guest runs Debian's Python 3.11, whatever the host runs. What has no wheel (cgroupspy) is built
into one first.
"""

import os
import shutil
import sys
from pathlib import Path

from tests.lab.cache import PROJECT, artefact
from tests.lab.command import CommandError, command

GUEST_PYTHON = (3, 11)
DIST_PACKAGES = "usr/local/lib/python3.11/dist-packages"
LOCK = PROJECT / "requirements.lock"


def wheels() -> tuple[Path, bool]:
    """The artefact with python.sqfs."""
    return artefact("python", (Path(__file__), LOCK), _make)


def _make(target: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]
    built, layer = target / "wheels", target / "layer"
    command([*pip, "wheel", "--no-deps", "--wheel-dir", built, "-r", LOCK])
    options = ["--no-deps", "--only-binary=:all:", "--find-links", str(built)]
    options += ["--python-version", ".".join(map(str, GUEST_PYTHON))]
    if sys.version_info[:2] == GUEST_PYTHON:
        options.append("--no-index")
    packages = layer / DIST_PACKAGES
    command([*pip, "install", *options, "--target", packages, *_pins()])
    if not any(packages.rglob("grpc/__init__.py")):
        raise CommandError(f"{LOCK.name} brought no grpc: the guest cannot run the agent")
    shutil.rmtree(packages / "bin", ignore_errors=True)
    os.chmod(layer, 0o755)
    command(["mksquashfs", layer, target / "python.sqfs", "-comp", "lz4", "-all-root", "-quiet"])
    shutil.rmtree(layer)
    shutil.rmtree(built)


def _pins() -> list[str]:
    """The `name==version` words of the lock, without hashes: `pip wheel` has checked those."""
    lines = LOCK.read_text().splitlines()
    words = [line.split()[0] for line in lines if line[:1].isalnum()]
    pins = [word for word in words if "==" in word]
    if not pins:
        raise CommandError(f"no pinned requirement in {LOCK}")
    return pins
