"""A pod whose host end has a BPF program, as Cilium's, or whose interface is a macvlan: real ones
of the machine that runs the tests, read and judged as those of a node.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.derive.pod_network import judge_pod
from agent.model.network import Asked, Datapath, PathStep, PodNetwork, StepState
from agent.model.oom import Container
from agent.observe.network import Target, read_host, read_namespaces
from tests.host.test_plumbing import Elsewhere, privileged

ROOT = Path(__file__).parents[2]
POD = (
    "import ctypes, sys; ctypes.CDLL(None).unshare(0x40000000); print(flush=True); sys.stdin.read()"
)

pytestmark = [
    privileged,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="bpf(2) is called by its number"),
]


@contextmanager
def running(*argv: str) -> Iterator[subprocess.Popen[str]]:
    """It has said its first line."""
    child = subprocess.Popen(
        [sys.executable, *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        if not child.stdout.readline():
            error = child.stderr.read()
            if "Operation not supported" in error:
                pytest.skip(f"this kernel has no veth: {error.splitlines()[-1]}")
            raise AssertionError(error)
        yield child
        child.stdin.close()


class Node:
    """A process that stands for the host, and a pod."""

    def __init__(self, top: Path, host: subprocess.Popen[str], pod: int) -> None:
        self._host = host
        self._elsewhere = Elsewhere(top, host.pid)
        self._pod = Path(f"/proc/{pod}/ns/net")

    def make(self, what: str) -> PodNetwork:
        """The pod with such an interface, judged."""
        assert self._host.stdin is not None
        assert self._host.stdout is not None
        self._host.stdin.write(f"{what}\n")
        self._host.stdin.flush()
        said = self._host.stdout.readline().strip()
        if said != "done":
            pytest.skip(f"this kernel has no {what}: {said}")
        host, namespaces = self._elsewhere.host, self._elsewhere.namespaces
        with namespaces.opened(namespaces.of_process(1)) as fd:
            seen = read_host(host, namespaces, fd)
            target = Target(inode=os.stat(self._pod).st_ino, path=self._pod)
            (network,) = read_namespaces(host, namespaces, fd, seen, [target])
        pod = PodNetwork(pod=Container(id="c1"), datapath=Datapath.UNKNOWN)
        return judge_pod(pod, network, seen, None, Asked())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with running("-c", POD) as pod, running("-m", "tests.host.bpf_peer", f"{pod.pid}") as host:
        yield Node(tmp_path, host, pod.pid)


def attachment(found: PodNetwork) -> tuple[StepState, str]:
    (step,) = [each for each in found.steps if each.step is PathStep.ATTACHMENT]
    return step.state, step.detail


def test_nothing(node: Node) -> None:
    """A veth, and neither a bridge, nor a route, nor a program."""
    found = node.make("nothing")
    assert found.datapath is Datapath.UNATTACHED
    assert (found.interface, found.host_interface) == ("eth0", "v0")
    assert attachment(found)[0] is StepState.BROKEN


@pytest.mark.parametrize("how", ["clsact", "tcx", "xdp"])
def test_a_program(node: Node, how: str) -> None:
    """However it is attached; and when it is gone, that is seen."""
    found = node.make(how)
    assert found.datapath is Datapath.BPF
    assert attachment(found) == (StepState.OK, "a BPF program is attached to v0")
    assert node.make("nothing").datapath is Datapath.UNATTACHED


def test_macvlan(node: Node) -> None:
    """Its parent is named."""
    found = node.make("macvlan")
    assert found.datapath is Datapath.MACVLAN
    assert (found.interface, found.attached_to) == ("eth0", "v0")
    assert attachment(found) == (StepState.OK, "eth0 is on v0, which is up")
