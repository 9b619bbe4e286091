"""CNI calls on real pods with the real plugins, and the configuration that they need."""

from collections.abc import Iterator

import pytest

from agent.api.v1.cni_pb2 import (
    CNI_CALL_STATE_OK,
    NETWORK_STATE_WORKING,
    CNICall,
)
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node

SECONDS = 120
CONFIG = "/etc/cni/net.d/10-lab.conflist"
PLUGINS = "/usr/lib/cni"
LOCK = "/run/cni-ipam/lab/lock"
STALL_SECONDS = 6
"""cni.stalled_after of these tests, well below the runtime's own patience."""
SETTINGS = {"cni.slow_after": "2s", "cni.stalled_after": f"{STALL_SECONDS}s"}
QUEUE = 12


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and not as patient as by default."""
    agent.start(SETTINGS)
    return Asking(agent)


@pytest.fixture
def configured(guest: Guest, node: Node) -> Iterator[str]:
    """The text of the configuration; whatever became of it and of the plugins is put back."""
    text = guest.read(CONFIG)
    keep = "/run/lab/cni-kept"
    guest.run(f"rm -rf {keep}; cp -a {PLUGINS} {keep}")
    try:
        yield text
    finally:
        guest.run(f"rm -rf {PLUGINS}/* && cp -a {keep}/. {PLUGINS}/ && rm -rf {keep}")
        guest.write(CONFIG, text)
        until(lambda: network_ready(node), SECONDS, "the runtime has its network again")


def network_ready(node: Node) -> bool:
    """What the runtime itself says."""
    conditions = node.cri.call("Status").status.conditions
    return any(each.type == "NetworkReady" and each.status for each in conditions)


def ended(asking: Asking, pod: str, command: str, plugin: str) -> CNICall:
    """The one call of this kind, once it has ended."""

    def found() -> CNICall | None:
        calls = asking.cni(pod=pod, commands=[command]).cni.calls
        fitting = [c for c in calls if c.plugin == f"{PLUGINS}/{plugin}" and c.HasField("ended")]
        return fitting[0] if fitting else None

    return until(
        found, SECONDS, f"{plugin} {command} of {pod} has ended", lambda: str(asking.cni())
    )


def test_healthy(pods: Pods, asking: Asking, figures: list[str]) -> None:
    """Each plugin of an ADD and of its DEL: whose, how long, that it ended well, and delegates
    below the plugin that executed them.
    """
    pod = pods.create("healthy", host_network=False)
    add = ended(asking, "healthy", "ADD", "bridge")
    assert (add.state, add.exit_code) == (CNI_CALL_STATE_OK, 0)
    assert add.container_id == pod.sandbox_id
    assert (add.pod.namespace, add.pod.pod_uid) == ("default", pod.uid)
    assert add.interface == "eth0"
    assert add.netns.startswith("/var/run/netns/cni-")
    assert add.took.ToMilliseconds() > 0
    delegate = ended(asking, "healthy", "ADD", "host-local")
    assert (delegate.delegated_by, delegate.exit_code) == (add.pid, 0)
    assert not ended(asking, "healthy", "ADD", "portmap").HasField("delegated_by")
    pod.node.cri.call("StopPodSandbox", pod_sandbox_id=pod.sandbox_id)
    gone = ended(asking, "healthy", "DEL", "bridge")
    assert (gone.state, gone.exit_code) == (CNI_CALL_STATE_OK, 0)
    figures.append(
        f"CNI: bridge ADD {add.took.ToMilliseconds()} ms, of which host-local "
        f"{delegate.took.ToMilliseconds()} ms; DEL {gone.took.ToMilliseconds()} ms"
    )
    answer = asking.cni()
    assert answer.cni.health.state == NETWORK_STATE_WORKING
    books = answer.cni.books
    assert books.seen == books.running + books.ended + books.missed + books.others
    (file,) = answer.cni.config.files
    assert (file.loaded, file.network, file.problem) == (True, "lab", "")
    assert [p.type for p in file.plugins] == ["bridge", "host-local", "portmap"]
    assert all(plugin.path and not plugin.problem for plugin in file.plugins)
    labels = {"command": "ADD", "result": "ok"}
    assert asking.metric("nodewitness_cni_calls_total", **labels) >= 2
    for name in ("CNIStalled", "CNINotConfigured"):
        assert not asking.conditions(types=[name])
