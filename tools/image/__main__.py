"""The image of nodewitness.

python -m tools.image build [--frozen] [DIRECTORY]   the layers, the archive and the host's tree
python -m tools.image lock                           lock the packages that apt has now
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from agent import __version__
from tools.image.commands import BuildError
from tools.image.debian import fetch, write_lock
from tools.image.oci import write_archive, write_layer
from tools.image.tree import ROOT, make_agent, make_base

NAME = f"docker.io/library/nodewitness:{__version__}"
"""What a runtime takes `nodewitness:VERSION` for."""
CONTAINERFILE = ROOT / "image/Containerfile"
BASE, AGENT, ARCHIVE = "base.tar", "agent.tar", "nodewitness.oci.tar"


def build_base(directory: Path, *, frozen: bool = False) -> None:
    """Write base.tar into the directory, and leave the tree in base/. Raises BuildError."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        packages = fetch(scratch / "packages", frozen=frozen, report=print)
        make_base(directory / "base", packages, scratch)
    write_layer(directory / "base", directory / BASE)


def build_image(directory: Path, base: Path) -> str:
    """Write agent.tar and the archive into the directory; `base` holds what `build_base` made.

    Returns the digest of the image.
    """
    with tempfile.TemporaryDirectory() as scratch:
        make_agent(Path(scratch), base / "base")
        write_layer(Path(scratch), directory / AGENT)
    layers = (base / BASE, directory / AGENT)
    return write_archive(directory / ARCHIVE, NAME, CONTAINERFILE, layers)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.image")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build")
    build.add_argument("--frozen", action="store_true", help="the locked packages or none")
    build.add_argument("directory", nargs="?", type=Path, default=ROOT / "build/image")
    commands.add_parser("lock")
    options = parser.parse_args()
    try:
        if options.command == "lock":
            with tempfile.TemporaryDirectory() as scratch:
                write_lock(Path(scratch) / "packages")
            return
        directory = options.directory.resolve()
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        build_base(directory, frozen=options.frozen)
        digest = build_image(directory, directory)
    except BuildError as error:
        raise SystemExit(f"tools/image: {error}") from None
    shutil.copyfile(CONTAINERFILE, directory / CONTAINERFILE.name)
    for name in (BASE, AGENT, ARCHIVE):
        size = (directory / name).stat().st_size / (1 << 20)
        print(f"{directory / name}  {size:.1f} MiB")
    print(f"{NAME}  {digest}")


if __name__ == "__main__":
    main()
