"""Debian's packages of the image: name, version and hash of each in image/packages.lock.

They are unpacked, never installed, and come through the machine's own apt. An archive keeps the
newest version only: a locked one that it has no more is an error when the build is `frozen`, else
the newest is taken and said.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.image.commands import BuildError, command

LOCK = Path(__file__).resolve().parents[2] / "image/packages.lock"
PACKAGES = (
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libsqlite3-0",
    "libssl3",
    "libstdc++6",
    "python3.11-minimal",
    "zlib1g",
)
_HEAD = """\
# Debian's packages of the image, amd64: name, version, SHA-256. `make image-lock` writes this.
"""
_APT = ("apt-get", "-q", "-o", "Acquire::Retries=5")


@dataclass(frozen=True, slots=True)
class Package:
    """One line of the lock."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.sha256}"


def read_lock() -> tuple[Package, ...]:
    """The packages as they are locked."""
    lines = (line for line in LOCK.read_text().splitlines() if not line.startswith("#"))
    return tuple(Package(*line.split()) for line in lines)


def fetch(
    directory: Path, *, frozen: bool, report: Callable[[str], None]
) -> tuple[tuple[Package, Path], ...]:
    """Download each package into the directory: what it is, and its file.

    Raises BuildError, also when a file is not what the lock says.
    """
    directory.mkdir(parents=True)
    found = [_fetch(package, directory, frozen, report) for package in read_lock()]
    return tuple(found)


def _fetch(
    wanted: Package, directory: Path, frozen: bool, report: Callable[[str], None]
) -> tuple[Package, Path]:
    try:
        file = _download(f"{wanted.name}={wanted.version}", directory)
    except BuildError as error:
        if frozen:
            raise BuildError(
                f"{error}\napt has no {wanted.name} {wanted.version}: `make image-lock`, and look"
                " at what has changed"
            ) from None
        file = _download(wanted.name, directory)
    package = _look(file)
    if package.version != wanted.version:
        report(f"{wanted.name} is {package.version}, not {wanted.version} as locked")
    elif package.sha256 != wanted.sha256:
        raise BuildError(f"{file.name} is not the file that {LOCK.name} knows: {package.sha256}")
    return package, file


def write_lock(directory: Path) -> None:
    """Lock what apt has now."""
    command([*_APT, "update"])
    directory.mkdir(parents=True)
    packages = [_look(_download(name, directory)) for name in PACKAGES]
    LOCK.write_text(_HEAD + "".join(f"{package}\n" for package in packages))


def _download(word: str, directory: Path) -> Path:
    before = set(directory.iterdir())
    try:
        command([*_APT, "download", word], cwd=directory)
    except BuildError:  # stale lists
        command([*_APT, "update"])
        command([*_APT, "download", word], cwd=directory)
    (file,) = set(directory.iterdir()) - before
    return file


def _look(file: Path) -> Package:
    name, version = command(
        ["dpkg-deb", "--showformat", "${Package} ${Version}", "--show", file]
    ).split()
    return Package(name, version, hashlib.sha256(file.read_bytes()).hexdigest())
