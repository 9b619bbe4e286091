"""Layers and archives of tools/image: what is in them, and that nothing else is."""

import json
import os
import tarfile
from pathlib import Path

import pytest

from tools.image.__main__ import AGENT, BASE, CONTAINERFILE
from tools.image.commands import BuildError
from tools.image.debian import PACKAGES, read_lock
from tools.image.oci import read_containerfile, write_archive, write_layer
from tools.image.tree import PROGRAMS


def tree(root: Path, time: int) -> Path:
    """A small one, made at some time."""
    (root / "bin").mkdir(parents=True)
    (root / "bin/program").write_text("#!\n")
    (root / "bin/program").chmod(0o700)
    (root / "bin/other").hardlink_to(root / "bin/program")
    (root / "data").write_text("x")
    (root / "link").symlink_to("bin/program")
    for path in (root / "bin/program", root / "data", root / "bin"):
        os.utime(path, (time, time))
    return root


def test_layer_does_not_tell_when_and_by_whom(tmp_path: Path) -> None:
    """Two trees of the same content are the same layer; modes are those of a package."""
    for name, time in (("one", 1_000_000_000), ("two", 1_700_000_000)):
        write_layer(tree(tmp_path / name, time), tmp_path / f"{name}.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        members = {member.name: member for member in tar}
        assert {name: oct(m.mode) for name, m in members.items() if not m.issym()} == {
            "bin": "0o755",
            "bin/other": "0o755",
            "bin/program": "0o755",
            "data": "0o644",
        }
        assert all((m.uid, m.gid, m.mtime) == (0, 0, 0) for m in members.values())
        assert members["bin/other"].isreg()
        assert members["link"].linkname == "bin/program"


def test_archive(tmp_path: Path) -> None:
    """Every blob is what its digest says; the configuration is the Containerfile's."""
    layers = []
    for name in (BASE, AGENT):
        write_layer(tree(tmp_path / name.removesuffix(".tar"), 1), tmp_path / name)
        (tmp_path / name.removesuffix(".tar") / "data").write_text(name)
        write_layer(tmp_path / name.removesuffix(".tar"), tmp_path / name)
        layers.append(tmp_path / name)
    archive = tmp_path / "archive.tar"
    digest = write_archive(archive, "example/x:1", CONTAINERFILE, layers)
    with tarfile.open(archive) as tar:
        files = {member.name: _content(tar, member) for member in tar}
    index = json.loads(files["index.json"])
    (entry,) = index["manifests"]
    assert entry["digest"] == digest
    assert entry["annotations"]["io.containerd.image.name"] == "example/x:1"
    manifest = json.loads(files[_blob(digest)])
    config = json.loads(files[_blob(manifest["config"]["digest"])])
    assert config["config"]["Entrypoint"] == ["/bin/nodewitness"]
    assert config["config"]["Cmd"] == ["run"]
    assert config["config"]["Env"] == ["PATH=/bin"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert [files[_blob(layer["digest"])] for layer in manifest["layers"]] == [
        layer.read_bytes() for layer in layers
    ]
    assert digest == write_archive(tmp_path / "again.tar", "example/x:1", CONTAINERFILE, layers)


def test_containerfile_without_a_layer_for_it(tmp_path: Path) -> None:
    """An instruction that would need a container tool is an error."""
    file = tmp_path / "Containerfile"
    file.write_text("FROM scratch\nRUN true\n")
    with pytest.raises(BuildError, match="RUN true"):
        read_containerfile(file)


def test_entry_point_is_a_program_of_the_tree() -> None:
    """What the Containerfile starts is linked into /bin."""
    config, layers = read_containerfile(CONTAINERFILE)
    assert Path(config["Entrypoint"][0]).name in PROGRAMS
    assert layers == (BASE, AGENT)


def test_packages_are_locked() -> None:
    """Each one with a version and a hash."""
    lock = read_lock()
    assert [package.name for package in lock] == list(PACKAGES)
    assert all(len(package.sha256) == 64 for package in lock)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"
