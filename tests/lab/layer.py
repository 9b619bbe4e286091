"""The lab's own layer of the guest: the tree guest/, the C programs, the container images."""

import shutil
from pathlib import Path

from tests.lab import oci
from tests.lab.cache import LAB, artefact
from tests.lab.command import command

GUEST = LAB / "guest"
IMAGES = LAB / "images"
BUSYBOX = Path("/bin/busybox")
LIBRARY = "usr/local/lib/lab"
PROGRAMS = ("labd", "undertaker", "storm", "forks", "leafwatch")


def guest_layer() -> tuple[Path, bool]:
    """The artefact with guest.sqfs."""
    inputs = (Path(__file__), LAB / "oci.py", GUEST, IMAGES, BUSYBOX)
    return artefact("guest", inputs, _make)


def _make(target: Path) -> None:
    tree = target / "tree"
    for part in ("etc", "usr"):
        shutil.copytree(GUEST / part, tree / part)
    for directory in (tree / "usr/local/bin", tree / LIBRARY):
        for script in directory.iterdir():
            script.chmod(0o755)
    for program in PROGRAMS:
        _compile(GUEST / f"{program}.c", tree / LIBRARY / program)
    _compile(IMAGES / "work.c", tree / "usr/local/bin/work")
    _compile(IMAGES / "pause.c", target / "pause")
    oci.write_images(
        tree / LIBRARY / "images.tar",
        pause=target / "pause",
        work=tree / "usr/local/bin/work",
        busybox=BUSYBOX,
    )
    command(["mksquashfs", tree, target / "guest.sqfs", "-comp", "lz4", "-all-root", "-quiet"])
    shutil.rmtree(tree)


def _compile(source: Path, program: Path) -> None:
    command(["gcc", "-static", "-O2", "-s", "-Wall", "-Wextra", "-o", program, source])
