"""agent.host.cni_state."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent.host.absence import SourceAbsent
from agent.host.cni_state import RESULTS, CNIState
from agent.host.root import HostRoot
from agent.model.absence import ParseError

RESULT = json.dumps({"containerId": "24f0", "ifName": "eth0"})


@pytest.fixture
def state(tmp_path: Path) -> CNIState:
    return CNIState(HostRoot.at(tmp_path))


def test_nothing_there(state: CNIState) -> None:
    """A node without libcni's records and without host-local."""
    assert state.results({}) == {}
    assert state.allocations("/var/lib/cni/networks/k8s") == ()
    assert state.networks() == []
    assert state.delegate("/var/lib/cni/flannel") is None
    with pytest.raises(SourceAbsent):
        state.plan("/etc/cni/net.d/10.conflist")


def test_results(state: CNIState, tmp_path: Path) -> None:
    """Each once: what is known is not read again, what is gone forgotten, the broken left out."""
    directory = tmp_path / RESULTS.lstrip("/")
    directory.mkdir(parents=True)
    (directory / "k8s-24f0-eth0").write_text(RESULT)
    (directory / "broken").write_text("{")
    found = state.results({})
    assert list(found) == ["k8s-24f0-eth0"]
    (directory / "k8s-24f0-eth0").write_text(RESULT.replace("24f0", "other"))
    assert state.results(found) == found
    (directory / "k8s-24f0-eth0").unlink()
    assert state.results(found) == {}


def test_allocations(state: CNIState, tmp_path: Path) -> None:
    """Files that are called as an address; a directory in place of one has no owner."""
    directory = tmp_path / "ipam/k8s"
    directory.mkdir(parents=True)
    (directory / "10.88.0.5").write_bytes(b"b4cf\r\neth0")
    (directory / "10.88.0.6").mkdir()
    for name in ("last_reserved_ip.0", "lock"):
        (directory / name).write_text("10.88.0.5")
    found = state.allocations("/ipam/k8s")
    assert [(str(each.address), each.container_id) for each in found] == [
        ("10.88.0.5", "b4cf"),
        ("10.88.0.6", ""),
    ]


def test_networks(state: CNIState, tmp_path: Path) -> None:
    """Each directory; a file is none."""
    top = tmp_path / "var/lib/cni/networks"
    (top / "cbr0").mkdir(parents=True)
    (top / "file").write_text("")
    assert state.networks() == ["/var/lib/cni/networks/cbr0"]


def test_delegate(state: CNIState, tmp_path: Path) -> None:
    """The one that was made last; a broken one is none."""
    directory = tmp_path / "flannel"
    directory.mkdir()
    for age, name in enumerate("ba"):
        path = directory / name
        path.write_text(json.dumps({"name": name, "type": "bridge"}))
        os.utime(path, ns=(age, age))
    found = state.delegate("/flannel")
    assert found is not None
    assert found.network == "a"
    (directory / "c").write_text("{")
    assert state.delegate("/flannel") is None


def test_plan(state: CNIState, tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('{"name": "a", "type": "ptp", "ipMasq": true}')
    assert state.plan("/a.conf").masquerade
    (tmp_path / "a.conf").write_text("{")
    with pytest.raises(ParseError):
        state.plan("/a.conf")


def test_a_directory_that_cannot_be_read(state: CNIState, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceAbsent):
        state.allocations("/file")


def test_links_of_the_host(state: CNIState, tmp_path: Path) -> None:
    """An absolute one leads below the host's root, whose files they are."""
    (tmp_path / "data/k8s").mkdir(parents=True)
    (tmp_path / "data/k8s/10.88.0.5").write_text("b4cf")
    (tmp_path / "data/a.conf").write_text('{"name": "a", "type": "ptp"}')
    (tmp_path / "etc").symlink_to("/data")
    (tmp_path / "var/lib/cni").mkdir(parents=True)
    (tmp_path / "var/lib/cni/networks").symlink_to("/data")
    assert state.plan("/etc/a.conf").network == "a"
    assert state.networks() == ["/var/lib/cni/networks/k8s"]
    (found,) = state.allocations("/var/lib/cni/networks/k8s")
    assert found.container_id == "b4cf"
    assert state.size("/var/lib/cni/networks/k8s") == 1
