"""`nodewitness install`: what the image holds, put on the host, for operators who come over SSH.

The tree of this version goes to /opt/nodewitness/VERSION, and a link to its nodectl into the PATH.
It has an interpreter of its own: it needs neither the container nor anything of the host, and works
with the runtime and the agent dead. A host that takes none of it is told, and is no reason to fail.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from agent import __version__
from agent.engine.refusal import Refusal

HOME = Path("/opt/nodewitness")
LINK = Path("/usr/local/bin/nodectl")
BUILD = "share/build"
"""What tells two trees of one version apart."""
MARK = "share/installed"
"""A file of a tree that `install` has made: what it holds, and so may remove."""

UNREACHED = (
    "To reach /proc/1/root a container needs CAP_SYS_PTRACE and, where AppArmor or SELinux is on,"
    " an exemption (appArmorProfile Unconfined, seLinuxOptions type spc_t), or privileged: true"
)


def install(host: Path, *, source: Path | None = None) -> Iterator[str]:
    """Install below the host's root directory, and say each thing that was done or left.

    Raises Refusal if this is not the image's tree.
    """
    tree = Path(sys.prefix) if source is None else source
    if tree.name != __version__ or not (tree / BUILD).is_file():
        raise Refusal(f"only the image can be installed so: {tree} is not its tree")
    try:
        host.stat()
    except OSError as error:
        yield f"left     {host}: {error.strerror}; nodectl is not on this host's PATH. {UNREACHED}"
        return
    home = _below(host, HOME)
    target = home / tree.name
    try:
        yield from _copy(tree, target)
        link = _below(host, LINK)
        yield from _link(link, HOME / tree.name / "bin/nodectl")
        yield from _remove_others(home, keep=tree.name)
    except (OSError, shutil.Error) as error:
        yield f"left     {error}"


def uninstall_tree(host: Path) -> Iterator[str]:
    """Take away what `install` has put there, and say it."""
    home, link = _below(host, HOME), _below(host, LINK)
    try:
        if _ours(link):
            link.unlink()
            yield f"removed  {LINK}"
        yield from _remove_others(home, keep="")
        with contextlib.suppress(OSError):  # it holds what is not ours, or is not there
            home.rmdir()
    except OSError as error:
        yield f"left     {error}"


def _copy(tree: Path, target: Path) -> Iterator[str]:
    stamp = (tree / BUILD).read_text()
    if _read(target / MARK) == stamp:
        yield f"there    {HOME / target.name}"
        return
    if target.exists() and _read(target / MARK) is None:
        yield f"left     {HOME / target.name}: installed by other means"
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copytree(tree, scratch, symlinks=True)
        (scratch / MARK).write_text(stamp)
        if target.exists():
            shutil.rmtree(target)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    yield f"made     {HOME / target.name}"


def _link(link: Path, goal: Path) -> Iterator[str]:
    """A link in the PATH, changed at once; what is not ours stays."""
    if link.is_symlink() and os.readlink(link) == str(goal):
        return
    if (link.exists() or link.is_symlink()) and not _ours(link):
        yield f"left     {LINK}: not a link of ours; call {goal}"
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    scratch = link.with_name(f".{link.name}.{os.getpid()}")
    scratch.symlink_to(goal)
    scratch.rename(link)
    yield f"made     {LINK} -> {goal}"


def _remove_others(home: Path, *, keep: str) -> Iterator[str]:
    if not home.is_dir():
        return
    for other in sorted(home.iterdir()):
        if other.name != keep and (other / MARK).is_file():
            shutil.rmtree(other)
            yield f"removed  {HOME / other.name}"


def _ours(link: Path) -> bool:
    """Not the one that deploy/systemd/install.sh makes, which goes by `current`."""
    if not link.is_symlink():
        return False
    goal = Path(os.readlink(link))
    return goal.is_relative_to(HOME) and not goal.is_relative_to(HOME / "current")


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _below(host: Path, path: Path) -> Path:
    return host / path.relative_to("/")
