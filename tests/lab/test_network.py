"""The network paths of real pods with the real plugins: each step proven, and broken by hand."""

from collections.abc import Iterator

import pytest

from agent.api.v1 import network_pb2 as pb
from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.pods import Pod
from tests.lab.test_cni import CONFIG, network_ready

SECONDS = 120
SETTINGS = {"network.interval": "1s", "network.leak_grace": "3s"}
OK, BROKEN, UNUSED = pb.STEP_STATE_OK, pb.STEP_STATE_BROKEN, pb.STEP_STATE_UNUSED
LINK, ATTACHMENT = pb.PATH_STEP_LINK, pb.PATH_STEP_ATTACHMENT
ADDRESS, ROUTES, NAT = pb.PATH_STEP_ADDRESS, pb.PATH_STEP_ROUTES, pb.PATH_STEP_NAT


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running, and looking often."""
    agent.start(SETTINGS)
    return Asking(agent)


@pytest.fixture
def configured(guest: Guest, node: Node) -> Iterator[str]:
    """The text of the CNI configuration, which is put back."""
    text = guest.read(CONFIG)
    try:
        yield text
    finally:
        guest.write(CONFIG, text)
        until(lambda: network_ready(node), SECONDS, "the runtime has its network again")


def path_of(asking: Asking, pod: str) -> pb.PodNetwork:
    """Its network, once it is seen."""

    def found() -> pb.PodNetwork | None:
        pods = asking.networks(pod=pod).network.pods
        return pods[0] if pods and pods[0].steps else None

    return until(found, SECONDS, f"the network of {pod} is seen", lambda: str(asking.networks()))


def broken_at(asking: Asking, pod: Pod, step: int, words: str) -> pb.PodNetwork:
    """The pod's network, once this is its first broken step, and the condition says so."""
    name = pod.config["metadata"]["name"]

    def found() -> pb.PodNetwork | None:
        path = path_of(asking, name)
        return path if path.broken == step else None

    what = f"{name} is broken at {pb.PathStep.Name(step)}"
    path = until(found, SECONDS, what, lambda: str(path_of(asking, name)))
    (first,) = [each for each in path.steps if each.step == step]
    assert first.state == BROKEN
    assert words in first.detail
    condition = asking.condition(
        "PodNetworkIncomplete", pod.uid, lambda found: words in found.message
    )
    assert condition.severity == SEVERITY_CRITICAL
    return path


def whole(asking: Asking, pod: Pod) -> pb.PodNetwork:
    """The pod's network once nothing of it is broken, and the condition is over."""
    name = pod.config["metadata"]["name"]

    def found() -> pb.PodNetwork | None:
        path = path_of(asking, name)
        return None if path.broken else path

    path = until(found, SECONDS, f"{name} is whole", lambda: str(path_of(asking, name)))
    asking.condition("PodNetworkIncomplete", pod.uid, status=CONDITION_STATUS_FALSE)
    return path


def states(path: pb.PodNetwork) -> dict[int, int]:
    return {each.step: each.state for each in path.steps}


def test_six_steps(
    pods: Pods, guest: Guest, asking: Asking, configured: str, figures: list[str]
) -> None:
    """A healthy pod of a bridge with ipMasq: all six steps are proven. Then each is broken by hand,
    named as the first broken one, and cleared when it is healed. The runtime notices none of it.
    """
    guest.write(CONFIG, configured.replace('"isGateway"', '"ipMasq": true, "isGateway"'))
    node = pods.node
    until(
        lambda: "ipMasq" in node.cri.call("Status", verbose=True).info.get("cniconfig", ""),
        SECONDS,
        "the runtime has loaded it",
    )
    pod = pods.create("bridged", host_network=False)
    path = path_of(asking, "bridged")
    assert set(states(path).values()) == {OK}, str(path)
    assert path.datapath == pb.DATAPATH_BRIDGE
    assert (path.interface, path.attached_to, path.mtu) == ("eth0", "cni0", 1500)
    assert (path.pod.namespace, path.pod.pod_uid) == ("default", pod.uid)
    assert path.name.startswith("cni-")
    inode = guest.run(["readlink", f"/proc/{path.pid}/ns/net"]).out
    assert inode.strip() == f"net:[{path.inode}]"
    assert path.host_interface in guest.run("ls /sys/class/net").out.split()
    (address,) = path.addresses
    assert path.gateway == "10.88.0.1"
    inside = f"nsenter -t {path.pid} -n"
    assert address.rpartition("/")[0] in guest.run(f"{inside} ip -4 addr show eth0").out
    assert path.counters.rx_packets + path.counters.tx_packets > 0
    assert path.HasField("tcp_retransmits")
    assert path.HasField("cookie")
    said = guest.run(["nodectl", "net", "default/bridged"]).out
    for word in ("namespace", "link", "attachment", "address", "routes", "nat"):
        assert f"{word:<11} ok" in said
    assert not asking.conditions(types=["PodNetworkIncomplete"])

    end = path.host_interface
    guest.run(["ip", "link", "set", end, "down"])
    broken_at(asking, pod, LINK, f"{end}, the host's end of eth0, is switched off")
    guest.run(["ip", "link", "set", end, "up"])
    whole(asking, pod)

    guest.run(["ip", "link", "set", end, "nomaster"])
    broken_at(asking, pod, ATTACHMENT, f"{end} is a port of no bridge")
    assert guest.run(["nodectl", "net"], check=False).exit_code == 1
    guest.run(["ip", "link", "set", end, "master", "cni0"])
    whole(asking, pod)

    guest.run(f"{inside} ip route del default")
    broken_at(asking, pod, ROUTES, "there is no default route")
    guest.run(f"{inside} ip route add default via 10.88.0.1")
    whole(asking, pod)

    guest.run(f"{inside} ip addr del {address} dev eth0")
    broken_at(asking, pod, ADDRESS, "eth0 has no address")
    guest.run(f"{inside} ip addr add {address} dev eth0")
    guest.run(f"{inside} ip route add default via 10.88.0.1")
    whole(asking, pod)

    guest.run("iptables-save -t nat > /run/lab/nat; iptables -t nat -F POSTROUTING")
    broken_at(asking, pod, NAT, "no rule of nftables masquerades")
    guest.run("iptables-restore < /run/lab/nat")
    whole(asking, pod)

    guest.run(["ip", "link", "del", end])
    gone = broken_at(asking, pod, LINK, "no interface but lo")
    assert gone.datapath == pb.DATAPATH_NONE
    assert node.cri.call("PodSandboxStatus", pod_sandbox_id=pod.sandbox_id).status.state == 0
    assert network_ready(node)
    figures.append("network: 6 faults of one pod, each named at its step, seen by no one else")
