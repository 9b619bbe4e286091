"""The network paths of real pods with the real plugins: each step proven, and broken by hand."""

from collections.abc import Iterator

import grpc
import pytest

from agent.api.v1 import network_pb2 as pb
from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE, SEVERITY_CRITICAL
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.pods import Pod, remove_sandbox
from tests.lab.test_afterlife import parent
from tests.lab.test_cni import CONFIG, network_ready

SECONDS = 120
SETTINGS = {"network.interval": "1s", "network.leak_grace": "3s"}
ALLOCATIONS = "/run/cni-ipam/lab"
SUBNET = '"subnet": "10.88.0.0/16"'
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

    def found() -> pb.PodNetwork | None:
        path = path_of(asking, pod.name)
        return path if path.broken == step else None

    what = f"{pod.name} is broken at {pb.PathStep.Name(step)}"
    path = until(found, SECONDS, what, lambda: str(path_of(asking, pod.name)))
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

    def found() -> pb.PodNetwork | None:
        path = path_of(asking, pod.name)
        return None if path.broken else path

    path = until(found, SECONDS, f"{pod.name} is whole", lambda: str(path_of(asking, pod.name)))
    asking.condition("PodNetworkIncomplete", pod.uid, status=CONDITION_STATUS_FALSE)
    return path


def configure(node: Node, text: str, word: str) -> None:
    """Have the runtime load this configuration; the word is new in it."""
    node.guest.write(CONFIG, text)
    until(
        lambda: word in node.cri.call("Status", verbose=True).info.get("cniconfig", ""),
        SECONDS,
        f"the runtime has loaded {word}",
    )


def states(path: pb.PodNetwork) -> dict[int, int]:
    return {each.step: each.state for each in path.steps}


def test_paths(
    pods: Pods, guest: Guest, asking: Asking, configured: str, figures: list[str]
) -> None:
    """On a bridge, and routed."""
    six_steps(pods, guest, asking, configured, figures)
    routed(pods, guest, asking, configured)


def six_steps(
    pods: Pods, guest: Guest, asking: Asking, configured: str, figures: list[str]
) -> None:
    """A healthy pod of a bridge with ipMasq: all six steps are proven. Then each is broken by hand,
    named as the first broken one, and cleared when it is healed. The runtime notices none of it.
    """
    node = pods.node
    configure(node, configured.replace('"isGateway"', '"ipMasq": true, "isGateway"'), "ipMasq")
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

    guest.run("ip addr del 10.88.0.1/16 dev cni0")
    broken_at(asking, pod, ROUTES, "default via 10.88.0.1, which no interface of the host has")
    guest.run("ip addr add 10.88.0.1/16 brd 10.88.255.255 dev cni0")
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
    figures.append("network: 7 faults of one pod, each named at its step, seen by no one else")


def routed(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """A pod of ptp, as Calico's are: a host route stands for the bridge. Without it the pod is
    attached to nothing; and a node that forwards nothing is named too.
    """
    configure(pods.node, configured.replace('"type": "bridge"', '"type": "ptp"'), '"ptp"')
    pod = pods.create("routed", host_network=False)
    path = path_of(asking, "routed")
    assert path.datapath == pb.DATAPATH_ROUTED
    found = states(path)
    assert found.pop(NAT) == UNUSED
    assert set(found.values()) == {OK}, str(path)
    address = path.addresses[0].rpartition("/")[0]
    route = f"{address} dev {path.host_interface}"
    guest.run(f"ip route del {route}")
    broken_at(asking, pod, ATTACHMENT, f"has neither a route to {address}")
    guest.run(f"ip route add {route}")
    whole(asking, pod)
    guest.run("echo 0 > /proc/sys/net/ipv4/ip_forward")
    try:
        broken_at(asking, pod, NAT, "net.ipv4.ip_forward is 0")
    finally:
        guest.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    whole(asking, pod)


def forget(node: Node, pod: Pod, path: pb.PodNetwork) -> None:
    """Its processes die, and the runtime loses its record: nobody will ever call DEL for it."""
    guest, ctr = node.guest, ["ctr", "-n", "k8s.io", "containers"]
    guest.run(f"kill -9 {parent(guest, path.pid)} {path.pid}")
    until(
        lambda: (
            guest.run([*ctr, "rm", pod.sandbox_id], check=False).exit_code == 0
            or pod.sandbox_id not in guest.run([*ctr, "ls", "-q"]).out
        ),
        SECONDS,
        "the record is lost",
    )
    node.stop_containerd()
    node.start_containerd()
    known = [each.id for each in node.cri.call("ListPodSandbox").items]
    assert pod.sandbox_id not in known


def test_leftovers(
    pods: Pods, guest: Guest, asking: Asking, configured: str, figures: list[str]
) -> None:
    """Two addresses, two pods: the range is exhausted. Of one pod the runtime loses its memory: its
    namespace, its veth and its address stay, and each is named with its age, until it is removed.
    Of the other one nothing stays, although the agent looks into it every second.
    """
    node = pods.node
    narrow = f'{SUBNET}, "rangeStart": "10.88.200.2", "rangeEnd": "10.88.200.3"'
    configure(node, configured.replace(SUBNET, narrow), "rangeEnd")
    kept = pods.create("kept", host_network=False)
    lost = pods.create("lost", host_network=False)
    hosted = pods.create("hosted")
    path, other = path_of(asking, "lost"), path_of(asking, "kept")
    full = asking.condition("PodIPsExhausted", "", lambda c: c.reason == "AllInUse")
    assert "all 2 of network lab are taken" in full.message
    with pytest.raises(grpc.RpcError, match="no IP addresses available"):
        pods.create("third", host_network=False)

    def of_host() -> pb.PodNetwork | None:
        found = asking.networks(pod=hosted.uid).network.pods
        return found[0] if found else None

    shared = until(of_host, SECONDS, "the pod with the host's network is seen")
    assert (shared.datapath, len(shared.steps)) == (pb.DATAPATH_HOST, 0)
    for pod, holding in ((hosted, pb.NAMESPACE_HOLDING_HOST), (kept, pb.NAMESPACE_HOLDING_OWN)):
        (found,) = asking.namespaces(pod=pod.uid).namespaces.containers
        assert {ns.kind: ns.holding for ns in found.namespaces}["net"] == holding
        for ns in found.namespaces:
            link = guest.run(["readlink", f"/proc/{found.pid}/ns/{ns.kind}"]).out.strip()
            assert link == f"{ns.kind}:[{ns.inode}]"

    forget(node, lost, path)
    address = path.addresses[0].rpartition("/")[0]
    wanted = {
        (pb.LEFTOVER_KIND_NAMESPACE, path.name),
        (pb.LEFTOVER_KIND_VETH, path.host_interface),
        (pb.LEFTOVER_KIND_ADDRESS, address),
    }

    def left() -> set[tuple[int, str]]:
        return {(each.kind, each.name) for each in asking.networks().network.leftovers}

    until(lambda: left() >= wanted, SECONDS, "all three are left", lambda: str(asking.networks()))
    assert other.name not in {name for _, name in left()}
    assert "populated 0" in guest.read(f"{lost.group.directory}/cgroup.events")
    leaked = asking.condition("NetworkNamespaceLeaked", "", lambda c: path.name in str(c.evidence))
    assert any(lost.sandbox_id[:12] in each.value for each in leaked.evidence)
    asking.condition("VethOrphaned", "", lambda c: path.host_interface in str(c.evidence))
    asking.condition("PodIPsExhausted", "", lambda c: c.reason == "HeldByTheDead")
    said = guest.run(["nodectl", "net"], check=False)
    assert said.exit_code == 1
    assert f"namespace {path.name}: used by nobody for" in " ".join(said.out.split())

    guest.run(["ip", "netns", "delete", path.name])
    guest.run(f"rm {ALLOCATIONS}/{address} /var/lib/cni/results/*-{lost.sandbox_id}-*")
    for name in ("NetworkNamespaceLeaked", "VethOrphaned", "PodIPsExhausted"):
        asking.condition(name, "", status=CONDITION_STATUS_FALSE)
    whole_again = path_of(asking, "kept")
    assert not whole_again.broken

    remove_sandbox(node, kept.sandbox_id)
    until(
        lambda: not guest.run("ls /run/netns; ip -o link show type veth; ip netns list-id").out,
        SECONDS,
        "no namespace and no veth is left",
        lambda: guest.run("ls -i /run/netns; ip -d link; ip netns list-id; lsns -t net").out,
    )
    figures.append(
        "network: a lost sandbox leaves 3 things, each named; the agent itself keeps none"
    )


def test_reused_inode(guest: Guest, asking: Asking, figures: list[str]) -> None:
    """A namespace is removed and at once made again, with the same name and the same inode: it is
    as old as it is, and not as the one before it.
    """
    name, tries = "cni-again", 0

    def left(after: float) -> tuple[int, float] | None:
        """Its inode, and since when nobody uses it, as a report of later tells."""
        report = asking.networks().network
        at = report.at.ToNanoseconds() / 1e9
        found = [each for each in report.leftovers if each.name == name]
        if not found or at <= after:
            return None
        return found[0].inode, at - found[0].unused.ToNanoseconds() / 1e9

    def made() -> tuple[int, float]:
        """Its inode, and when it was not there yet."""
        guest.run(["ip", "netns", "delete", name], check=False)
        now = float(guest.run("date +%s.%N").out)
        inode = guest.run(f"ip netns add {name} && stat -Lc %i /run/netns/{name}").out
        return int(inode), now

    def again() -> float | None:
        nonlocal tries
        tries += 1
        number, now = made()
        return now if number == inode else None

    try:
        _, begun = made()
        inode, _ = until(lambda: left(begun), SECONDS, "it is left", lambda: str(asking.networks()))
        anew = until(again, SECONDS, f"the kernel gives {inode} again")
        same, since = until(lambda: left(anew), SECONDS, "the other one is left as well")
        assert same == inode
        assert since >= anew
    finally:
        guest.run(["ip", "netns", "delete", name], check=False)
    figures.append(
        f"network: a namespace that got the inode of one that was removed, after {tries} tries, is"
        " as old as it is"
    )
