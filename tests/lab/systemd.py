"""systemd for the guest's PID 1: a layer of its own, so that guests without it stay as small.

The packages are unpacked over the base and never configured: no maintainer script runs.
"""

import shutil
from pathlib import Path

from tests.lab import apt
from tests.lab.cache import artefact
from tests.lab.command import command
from tests.lab.debian import unpack

# apparmor: with its parser the runtime can load a profile, where a test has it do so.
PACKAGES = ("systemd", "dbus", "systemd-oomd", "apparmor")
# The base has these merged into /usr; a directory of that name in a layer would hide its symlink.
MERGED = ("bin", "lib", "lib64", "sbin")
LEFT_OUT = (
    "usr/lib/systemd/system-generators",  # they find nothing to generate, and cost a second
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
)
# What the packages' scripts would have made.
MACHINE_ID = "0123456789abcdef0123456789abcdef"
USERS = """\
messagebus:x:100:101::/nonexistent:/usr/sbin/nologin
systemd-oom:x:101:102::/:/usr/sbin/nologin
"""
GROUPS = """\
messagebus:x:101:
systemd-oom:x:102:
"""


def systemd_layer(debian_artefact: Path) -> tuple[Path, bool]:
    """The artefact with systemd.sqfs."""
    inputs = (Path(__file__), debian_artefact.name, apt.SUITE, *PACKAGES)
    return artefact("systemd", inputs, lambda target: _make(debian_artefact, target))


def _make(debian_artefact: Path, target: Path) -> None:
    status, passwd, group = "var/lib/dpkg/status", "etc/passwd", "etc/group"
    base = unpack(debian_artefact, target, status, passwd, group)
    layer = target / "layer"
    for name in MERGED:
        (layer / "usr" / name).mkdir(parents=True)
        (layer / name).symlink_to(f"usr/{name}")
    for package in apt.download_missing(PACKAGES, base / status, target / "apt"):
        # As `dpkg -x`, which would put a directory in place of the symlink.
        unpack_deb = 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C "$1"'
        command(["bash", "-o", "pipefail", "-c", unpack_deb, package, layer])
    for name in MERGED:
        (layer / name).unlink()
    for name in LEFT_OUT:
        shutil.rmtree(layer / name, ignore_errors=True)
    for name, lines in ((passwd, USERS), (group, GROUPS)):
        (layer / name).write_text((base / name).read_text() + lines)
    (layer / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
    command(["mksquashfs", layer, target / "systemd.sqfs", "-comp", "lz4", "-all-root", "-quiet"])
    for made in (layer, base, target / "apt"):
        shutil.rmtree(made)
