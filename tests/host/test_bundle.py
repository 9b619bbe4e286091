"""agent.host.bundle: what the shim keeps of a running container."""

import json
import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.bundle import read_bundle, read_init_pid
from agent.model.absence import Absence, ParseError

ID = "4ecd7896f61e" + "0" * 52
CONFIG = {
    "annotations": {
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.container-name": "gateway",
        "io.kubernetes.cri.sandbox-name": "api-gateway-v2",
        "io.kubernetes.cri.sandbox-namespace": "production",
    }
}


def write(bundles: Path, *, config: bytes | None, init_pid: bytes | None) -> None:
    (bundles / ID).mkdir()
    if config is not None:
        (bundles / ID / "config.json").write_bytes(config)
    if init_pid is not None:
        (bundles / ID / "init.pid").write_bytes(init_pid)


@pytest.mark.parametrize(
    ("init_pid", "expected"),
    [(b"4711", 4711), (b"4711\n", 4711), (None, None)],
    ids=["runc", "with-newline", "not-yet"],
)
def test_names_and_init(tmp_path: Path, init_pid: bytes | None, expected: int | None) -> None:
    """The annotations' names; the pid once it is there."""
    write(tmp_path, config=json.dumps(CONFIG).encode(), init_pid=init_pid)
    bundle = read_bundle(tmp_path, ID)
    assert (bundle.names.namespace, bundle.names.pod) == ("production", "api-gateway-v2")
    assert (bundle.names.container, bundle.names.container_type) == ("gateway", "container")
    assert bundle.init_pid == expected
    assert read_init_pid(tmp_path, ID) == expected


@pytest.mark.parametrize(
    ("config", "init_pid"),
    [
        (b"", b"1"),
        (b'{"annotations": ', b"1"),
        (b"[]", b"1"),
        (b"{}", b"-1"),
        (b"{}", b""),
        (b"{}", b"4711x"),
    ],
)
def test_what_does_not_parse(tmp_path: Path, config: bytes, init_pid: bytes) -> None:
    """Half a file is an error, never a name."""
    write(tmp_path, config=config, init_pid=init_pid)
    with pytest.raises(ParseError):
        read_bundle(tmp_path, ID)


def test_no_bundle(tmp_path: Path) -> None:
    """The usual end: the container died and the shim tidied up."""
    with pytest.raises(SourceAbsent) as caught:
        read_bundle(tmp_path, ID)
    assert caught.value.absent.absence is Absence.VANISHED
    assert read_init_pid(tmp_path, ID) is None


def test_too_large(tmp_path: Path) -> None:
    """More than 1 MiB is not read."""
    write(tmp_path, config=b" " * ((1 << 20) + 1), init_pid=None)
    with pytest.raises(SourceAbsent, match="longer than"):
        read_bundle(tmp_path, ID)


@pytest.mark.parametrize(
    "container_id", ["", ".", "..", "../" + ID, ID[:-1], ID + "0", ID.upper(), ID[:-1] + "\n"]
)
def test_an_id_is_not_a_path(tmp_path: Path, container_id: str) -> None:
    """Nothing but 64 hex digits is ever opened."""
    for read in (read_bundle, read_init_pid):
        with pytest.raises(ValueError, match="not a container's id"):
            read(tmp_path, container_id)


def test_init_pid_that_cannot_be_read(tmp_path: Path) -> None:
    """Not there yet is None; anything else is an absence."""
    write(tmp_path, config=b"{}", init_pid=None)
    os.mkdir(tmp_path / ID / "init.pid")
    with pytest.raises(SourceAbsent, match="Is a directory"):
        read_bundle(tmp_path, ID)
