"""The project's own image for the guest, made by the project's own tool: tools/image."""

import sys
from pathlib import Path

from tests.lab.cache import PROJECT, artefact
from tests.lab.guest import Guest
from tools.image.__main__ import AGENT, ARCHIVE, BASE, build_base, build_image

_TOOL = PROJECT / "tools/image"
_INPUTS = (PROJECT / "image", PROJECT / "requirements.lock", PROJECT / "agent/__init__.py")
IMPORT_SECONDS = 600.0


def agent_image() -> Path:
    """The OCI archive of the code as it is."""
    return _image()[1] / ARCHIVE


def agent_layers() -> tuple[Path, Path]:
    """What `install.sh --image` takes: the two layers."""
    base, image = _image()
    return base / BASE, image / AGENT


def _image() -> tuple[Path, Path]:
    """The artefacts of what the code stands on, which is kept, and of the code."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    base, _ = artefact("image-base", (_TOOL, *_INPUTS, version), build_base)
    inputs = (_TOOL, *_INPUTS, base.name, PROJECT / "agent")
    image, _ = artefact("image", inputs, lambda target: _build(target, base))
    return base, image


def _build(target: Path, base: Path) -> None:
    build_image(target, base)


def import_image(guest: Guest) -> None:
    """Give it to the guest's containerd, unless it has it."""
    archive = agent_image()
    label = f"/run/lab/{archive.parent.name}.imported"
    if guest.exists(label):
        return
    guest.run(
        ["ctr", "-n", "k8s.io", "images", "import", "-"],
        stdin=archive.read_bytes(),
        seconds=IMPORT_SECONDS,
    )
    guest.run(["touch", label])
