"""agent.host.root: the host's symbolic links, from without."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.root import below


@pytest.mark.parametrize(
    ("link", "target", "path", "reached"),
    [
        ("a/cni", "/data/1", "/a/cni/bridge", "data/1/bridge"),
        ("a/cni", "../data/1", "/a/cni/bridge", "data/1/bridge"),
        ("a/cni", "../../../etc", "/a/cni", "etc"),
        ("a/cni", "/a/cni", "/a/cni/bridge", "a/cni/bridge"),
        ("a/cni", "/data", "/b/cni/bridge", "b/cni/bridge"),
    ],
)
def test_below(tmp_path: Path, link: str, target: str, path: str, reached: str) -> None:
    """An absolute link stays below the root, and one that leads above it ends there; a loop is left
    as it is.
    """
    (tmp_path / link).parent.mkdir()
    (tmp_path / link).symlink_to(target)
    assert below(tmp_path, Path(path)) == tmp_path / reached


def test_our_own_root() -> None:
    """There the kernel does it."""
    assert below(Path("/"), Path("/proc/self")) == Path("/proc/self")
