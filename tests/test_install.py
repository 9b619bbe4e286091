"""`nodewitness install` and what takes it back, on a directory that is a host."""

import errno
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import __version__
from agent.engine.refusal import Refusal
from agent.install import BUILD, HOME, LINK, install, uninstall_tree
from agent.main import EXIT_USAGE, main

NODECTL = f"/opt/nodewitness/{__version__}/bin/nodectl"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An image's tree."""
    tree = tmp_path / "image" / __version__
    (tree / "bin").mkdir(parents=True)
    (tree / "bin/nodectl").write_text("#!\n")
    (tree / "share").mkdir()
    (tree / BUILD).write_text("1\n")
    return tree


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "host").mkdir()
    return tmp_path / "host"


def below(host: Path, path: Path) -> Path:
    return host / path.relative_to("/")


def test_install(tree: Path, host: Path) -> None:
    """The tree is there, a link is in the PATH; a second time nothing is done."""
    made = [f"made     {HOME}/{__version__}", f"made     {LINK} -> {NODECTL}"]
    assert list(install(host, source=tree)) == made
    assert os.readlink(below(host, LINK)) == NODECTL
    assert below(host, Path(NODECTL)).read_text() == "#!\n"
    assert list(install(host, source=tree)) == [f"there    {HOME}/{__version__}"]
    assert [path.name for path in below(host, HOME).iterdir()] == [__version__]


def test_another_build_of_the_version(tree: Path, host: Path) -> None:
    """It takes the place of the one that is there."""
    list(install(host, source=tree))
    (tree / BUILD).write_text("2\n")
    (tree / "bin/nodectl").write_text("#! newer\n")
    assert list(install(host, source=tree)) == [f"made     {HOME}/{__version__}"]
    assert below(host, Path(NODECTL)).read_text() == "#! newer\n"


def test_other_versions_go(tree: Path, host: Path) -> None:
    """Those that were installed so; what somebody else has put there stays."""
    list(install(host, source=tree))
    older, stranger = below(host, HOME / "0.0.9"), below(host, HOME / "0.0.8")
    below(host, HOME / __version__).rename(older)
    stranger.mkdir()
    assert f"removed  {HOME}/0.0.9" in list(install(host, source=tree))
    assert not older.exists()
    assert stranger.exists()


def test_what_is_not_ours_stays(tree: Path, host: Path) -> None:
    """A program of this name, and a tree of this version by other means, are left and said."""
    link, own = below(host, LINK), below(host, HOME / __version__)
    for path in (link, own / "bin/nodectl"):
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    said = list(install(host, source=tree))
    assert [line.split(":")[0] for line in said] == [
        f"left     {HOME}/{__version__}",
        f"left     {LINK}",
    ]
    assert link.read_text() == (own / "bin/nodectl").read_text() == "mine"
    list(uninstall_tree(host))
    assert link.exists()
    assert own.exists()


def test_link_of_the_systemd_installer_stays(tree: Path, host: Path) -> None:
    """deploy/systemd/install.sh links by way of `current`."""
    link = below(host, LINK)
    link.parent.mkdir(parents=True)
    link.symlink_to(HOME / "current/bin/nodectl")
    assert f"left     {LINK}: not a link of ours; call {NODECTL}" in install(host, source=tree)
    list(uninstall_tree(host))
    assert link.is_symlink()


def test_host_that_takes_nothing(tree: Path, host: Path) -> None:
    """It is said, and no error: the agent is to start all the same."""
    (host / "opt").write_text("no directory")
    (said,) = install(host, source=tree)
    assert said.startswith("left     ")


def test_host_that_cannot_be_reached(
    tree: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an AppArmor profile has /proc/1/root: it is said, with what helps, and the command does
    not fail, for the kubelet would start no agent then.
    """
    real = os.stat

    def denied(path: object, *args: object, **kwargs: object) -> os.stat_result:
        if isinstance(path, str | Path) and Path(path).is_relative_to(host):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(sys, "prefix", str(tree))
    monkeypatch.setattr(os, "stat", denied)
    found = CliRunner().invoke(main, ["install", "--host", str(host)])
    assert found.exit_code == 0, found.output
    (said,) = found.stdout.splitlines()
    assert said.startswith(f"left     {host}: Permission denied; ")
    for word in ("CAP_SYS_PTRACE", "AppArmor", "SELinux", "privileged: true"):
        assert word in said
    monkeypatch.undo()
    assert list(host.iterdir()) == []


@pytest.mark.parametrize(
    "words", [(), ("--host",), ("--host", "{}/nowhere"), ("--host", "{}/file")], ids=str
)
def test_install_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    """What is no directory is refused, as is none."""
    (tmp_path / "file").touch()
    arguments = [word.format(tmp_path) for word in words]
    found = CliRunner().invoke(main, ["install", *arguments])
    assert found.exit_code == EXIT_USAGE
    assert "--host" in found.stderr


def test_only_the_image_can_be_installed(tmp_path: Path, host: Path) -> None:
    """A clone or a venv is refused."""
    with pytest.raises(Refusal, match="only the image"):
        list(install(host))
    found = CliRunner().invoke(main, ["install", "--host", str(host)])
    assert found.exit_code == 1
    assert list(host.iterdir()) == []


def test_uninstall_takes_it_back(tree: Path, host: Path) -> None:
    """Tree, link and directory go; repeated, nothing is said."""
    list(install(host, source=tree))
    assert list(uninstall_tree(host)) == [f"removed  {LINK}", f"removed  {HOME}/{__version__}"]
    assert not below(host, HOME).exists()
    assert list(uninstall_tree(host)) == []
