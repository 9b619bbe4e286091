"""The project's own image for the guest, made by the project's own tool: tools/image."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

from agent import __version__
from tests.lab.cache import PROJECT, artefact
from tests.lab.guest import Guest
from tools.image.__main__ import AGENT, ARCHIVE, BASE, build_base, build_image

_TOOL = PROJECT / "tools/image"
_INPUTS = (PROJECT / "image", PROJECT / "requirements.lock", PROJECT / "agent/__init__.py")
IMPORT_SECONDS = 600.0
NEXT_VERSION = f"{__version__}.post1"
"""What `next_layers` calls itself."""
_SAYS = '__version__ = "{}"'
_BUILD = """
import pathlib, sys
from tools.image.__main__ import build_base, build_image
target, base = map(pathlib.Path, sys.argv[1:])
build_base(target) if base == target else build_image(target, base)
"""


def agent_image() -> Path:
    """The OCI archive of the code as it is."""
    return _image()[1] / ARCHIVE


def image_size() -> str:
    """What docs/install.md says of it, in words."""
    layers = [layer.read_bytes() for layer in agent_layers()]
    unpacked, packed, agent = (
        f"{sum(map(len, files)) / (1 << 20):.1f} MiB"
        for files in (layers, map(gzip.compress, layers), layers[1:])
    )
    return f"the image: {unpacked} unpacked, {packed} as gzip; {agent} of the first are the agent's"


def agent_layers() -> tuple[Path, Path]:
    """What `install.sh --image` takes: the two layers."""
    base, image = _image()
    return base / BASE, image / AGENT


def next_layers() -> tuple[Path, Path]:
    """The same of the next version: of this code, which calls itself another one, and so lies at
    another place, with an interpreter of its own.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    base, _ = artefact(
        "next-base", (_TOOL, *_INPUTS, version, NEXT_VERSION), lambda target: _next(target, target)
    )
    inputs = (_TOOL, *_INPUTS, base.name, PROJECT / "agent")
    image, _ = artefact("next-image", inputs, lambda target: _next(target, base))
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


def _next(target: Path, base: Path) -> None:
    """Build from a copy of the clone that says the next version: into the target, the base if that
    is the base, else what lies on it.
    """
    clone = target / "clone"
    for name in ("agent", "image", "tools"):
        shutil.copytree(PROJECT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "requirements.lock"):
        shutil.copyfile(PROJECT / name, clone / name)
    said = clone / "agent/__init__.py"
    text = said.read_text()
    assert text.count(_SAYS.format(__version__)) == 1
    said.write_text(text.replace(_SAYS.format(__version__), _SAYS.format(NEXT_VERSION)))
    # -P and the copy as the directory: neither tool nor agent is imported from this clone.
    environment = {"PYTHONPATH": str(clone), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    command = [sys.executable, "-P", "-c", _BUILD, str(target), str(base)]
    done = subprocess.run(
        command, cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(clone)


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
