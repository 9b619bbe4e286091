"""Images that containerd pulls over CRI from a registry in the guest, and what holds them up."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_WARNING
from agent.api.v1.pulls_pb2 import EndedPull, Pull, PullReport
from tests.lab import stub_registry
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios.slow_disk import MOUNT, NAME, slow_disk
from tests.lab.status_pace import StatusPace
from tests.lab.wire import Process

SECONDS = 240
PULL_SECONDS = 400
AFTER = 4
SETTINGS = {"runtime.pull_stalled_after": f"{AFTER}s"}
STALLED = "ImagePullStalled"
PORT = 5055
REGISTRY = f"127.0.0.1:{PORT}"
MIB = 1 << 20
LAYER_MIB = 5
HELD = 3 * MIB + MIB // 2
CONTENT = "/var/lib/containerd/io.containerd.content.v1.content"
DELAY_MS = 2000


class Registry:
    """The stub in the guest, and pulls from it."""

    def __init__(self, node: Node, process: Process, threads: ThreadPoolExecutor) -> None:
        self.process = process
        self._node = node
        self._threads = threads

    def say(self, command: str) -> None:
        """A command, once it is obeyed."""
        before = self.process.out
        self.process.send(f"{command}\n".encode())
        until(
            lambda: f"did {command}" in self.process.out[len(before) :],
            SECONDS,
            command,
            lambda: self.process.err,
        )

    def pull(self, name: str) -> Future[Any]:
        """PullImage, under way."""
        image = {"image": f"{REGISTRY}/{name}:1"}
        call = self._node.cri.call
        return self._threads.submit(call, "PullImage", seconds=PULL_SECONDS, image=image)

    def forget(self, name: str) -> None:
        """RemoveImage."""
        self._node.cri.call("RemoveImage", image={"image": f"{REGISTRY}/{name}:1"})


@contextmanager
def registry_in(node: Node) -> Iterator[Registry]:
    """One that sends no layer to its end before it is told to."""
    source = Path(stub_registry.__file__).read_text()
    node.guest.write("/run/lab/stub_registry.py", source)
    argv = ["python3", "/run/lab/stub_registry.py", str(PORT), str(LAYER_MIB)]
    process = node.guest.start(argv, cgroup="system.slice/lab-registry.service")
    with ThreadPoolExecutor() as threads:
        try:
            process.wait_out("serves", SECONDS)
            registry = Registry(node, process, threads)
            registry.say(f"hold {HELD}")
            yield registry
        finally:
            process.close()  # a pull that waits for it fails now


@contextmanager
def content_on_slow_disk(guest: Guest) -> Iterator[None]:
    """containerd's content store lies, empty, on the slow disk: a blob is renamed into its place,
    so that its ingests cannot be moved alone.
    """
    guest.run(
        f"mkdir -p {MOUNT}/content/ingest {MOUNT}/content/blobs/sha256"
        f" && mount --bind {MOUNT}/content {CONTENT}"
    )
    try:
        yield
    finally:
        guest.run(f"umount -l {CONTENT}")


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


def seen(asking: Asking, wanted: Callable[[Pull], bool], what: str) -> Pull:
    """A pull in flight, once it is so."""

    def found() -> Pull | None:
        return next(filter(wanted, asking.pulls().pulls), None)

    return until(found, SECONDS, what, lambda: str(asking.pulls()))


def over(asking: Asking, digest: str, outcome: str) -> EndedPull:
    """A pull that has ended so."""

    def found() -> EndedPull | None:
        ended = asking.pulls().ended
        return next((e for e in ended if (e.pull.digest, e.outcome) == (digest, outcome)), None)

    return until(found, SECONDS, f"{digest} is {outcome}", lambda: str(asking.pulls()))


def held_layer(asking: Asking) -> Pull:
    """The layer of which the registry sends no more; containerd writes whole pieces of 1 MiB."""
    return seen(asking, lambda p: p.kind == "layer" and p.bytes == 3 * MIB, "a layer is held up")


def slowest(pull: Pull) -> int:
    """Milliseconds that a request of the disk took on average while it was pulled."""
    return pull.meanwhile.slowest.ToMilliseconds()


def quiet(report: PullReport) -> bool:
    return not report.pulls


def test_silent_registry(pods: Pods, asking: Asking, figures: list[str]) -> None:
    """A registry that stops in the middle of a layer: the pull is seen with its bytes and its age,
    the network is named, so is the pod that waits, and it is over when the bytes come. One that
    dies: the pull is given up.
    """
    node, guest = pods.node, pods.node.guest
    pods.create("waits")
    assert not asking.pulls().pulls
    with registry_in(node) as registry:
        pulled = registry.pull("lab/one")
        layer = held_layer(asking)
        assert (layer.phase, layer.namespace) == ("downloading", "k8s.io")
        assert layer.total_bytes > LAYER_MIB * MIB
        assert layer.digest.startswith("sha256:")
        found = asking.condition(
            STALLED, "", lambda c: c.reason == "RegistrySilent" and "waits" in c.message
        )
        assert found.severity == SEVERITY_WARNING
        assert f"has got no byte of layer {layer.digest[7:19]} for" in found.message
        assert f"{REGISTRY} has sent nothing for" in found.message
        assert f"containerd[{node.containerd.pid}]" in found.message
        assert "without a container: default/waits" in found.message
        figures.append(f"pulls: {found.message}")
        report = asking.pulls()
        assert report.pid == node.containerd.pid
        assert {c.remote for c in report.connections} == {REGISTRY}
        assert all(c.since_received.ToMilliseconds() >= 1000 * AFTER for c in report.connections)
        said = guest.run(["nodectl", "pulls"], check=False)
        assert said.exit_code == 1
        assert "STALLED: RegistrySilent" in said.out
        assert f"{REGISTRY} · last data" in said.out
        assert asking.metric("nodewitness_image_pulls_in_progress", phase="downloading") == 1
        assert asking.metric("nodewitness_image_pulls_written_bytes") == 3 * MIB
        assert asking.metric("nodewitness_image_pulls_oldest_seconds") >= AFTER

        registry.say("go")
        pulled.result(SECONDS)
        asking.condition(STALLED, "", status=CONDITION_STATUS_FALSE)
        ended = over(asking, layer.digest, "whole")
        assert ended.pull.meanwhile.cause == "RegistrySilent"
        assert ended.pull.meanwhile.silent.ToMilliseconds() >= 1000 * AFTER
        assert asking.metric("nodewitness_image_pulls_ended_total", outcome="whole") >= 1
        registry.forget("lab/one")

        registry.say(f"hold {HELD}")
        lost = registry.pull("lab/two")
        layer = held_layer(asking)
        registry.process.close()
        with pytest.raises(grpc.RpcError):
            lost.result(SECONDS)
        over(asking, layer.digest, "given_up")
    until(lambda: quiet(asking.pulls()), SECONDS, "nothing is pulled", lambda: str(asking.pulls()))
    assert "pulls no image" in guest.run(["nodectl", "pulls"]).out


def test_slow_disk(node: Node, guest: Guest, asking: Asking, figures: list[str]) -> None:
    """A disk beneath containerd that answers nothing, and one that answers late: the pull is seen
    all the while, with what the disk does and that it is not the network.
    """
    with slow_disk(guest) as disk, content_on_slow_disk(guest), registry_in(node) as registry:
        pace = StatusPace(guest, figures)
        pulled = registry.pull("lab/three")
        layer = held_layer(asking)
        name = next(d.device for d in asking.pulls().disks if NAME in d.kind)
        assert layer.disks[0] == name
        disk.suspend()
        try:
            registry.say("go")
            found = asking.condition(STALLED, "", lambda c: c.reason == "DiskSlow")
            stuck = seen(asking, lambda p: p.digest == layer.digest and p.stalled, "it is stalled")
            assert (stuck.phase, stuck.bytes) == ("committing", layer.total_bytes)
            assert f"of layer {layer.digest[7:19]}, and has not written it out" in found.message
            assert name in found.message
            figures.append(f"pulls, disk suspended: {found.message}")
            pace.holds("a pull onto a suspended disk")
        finally:
            disk.resume()
        pulled.result(SECONDS)
        asking.condition(STALLED, "", status=CONDITION_STATUS_FALSE)
        assert over(asking, layer.digest, "whole").pull.meanwhile.cause == "DiskSlow"
        registry.forget("lab/three")

        registry.say(f"hold {HELD}")
        disk.delay_writes(DELAY_MS)
        pulled = registry.pull("lab/four")
        layer = held_layer(asking)
        slow = seen(
            asking,
            lambda p: p.digest == layer.digest and slowest(p) >= DELAY_MS / 2,
            "the disk is slow meanwhile",
        )
        assert slow.meanwhile.slowest_device == name
        assert slow.meanwhile.slowest_op in ("write", "flush")
        pace.holds("a pull onto a delayed disk")
        registry.say("go")
        pulled.result(SECONDS)
        ended = over(asking, layer.digest, "whole")
        assert slowest(ended.pull) >= DELAY_MS / 2
        assert ended.pull.meanwhile.slowest_device == name
        said = guest.run(["nodectl", "pulls"], check=False).out
        line = next(line for line in said.splitlines() if layer.digest[7:19] in line)
        assert f"{name} {ended.pull.meanwhile.slowest_op}" in line
        figures.append(f"pulls, each write {DELAY_MS} ms later: {line}")
        asking.condition(STALLED, "", status=CONDITION_STATUS_FALSE)
        registry.forget("lab/four")
