"""The network paths of real pods with the real plugins: each step proven, and broken by hand."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from agent.api.v1 import network_pb2 as pb
from agent.api.v1.condition_pb2 import (
    CONDITION_STATUS_FALSE,
    CONDITION_STATUS_UNKNOWN,
    SEVERITY_CRITICAL,
    Condition,
)
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.bpf import attached
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.pods import Pod, remove_sandbox
from tests.lab.test_afterlife import parent
from tests.lab.test_cni import CONFIG, PLUGINS, gate, use_plugin

SECONDS = 120
GRACE_SECONDS = 3
SETTINGS = {"network.interval": "1s", "network.leak_grace": f"{GRACE_SECONDS}s"}
ASKER = """\
import socket, sys, time
while True:
    try:
        socket.create_connection((sys.argv[1], 9), timeout=5).close()
    except OSError:
        pass
    time.sleep(0.2)
"""
PARENT = "lab-parent"
"""The device of the host through which pods of ipvlan and macvlan send."""
ALLOCATIONS = "/run/cni-ipam/lab"
FLANNEL = "/var/lib/cni/flannel"
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
        until(node.network_ready, SECONDS, "the runtime has its network again")


def path_of(asking: Asking, pod: str) -> pb.PodNetwork:
    """Its network, once it is seen."""

    def found() -> pb.PodNetwork | None:
        pods = asking.networks(pod=pod).network.pods
        return pods[0] if pods and pods[0].steps else None

    return until(found, SECONDS, f"the network of {pod} is seen", lambda: str(asking.networks()))


def proven(asking: Asking, pod: str) -> pb.PodNetwork:
    """Its network, once all of it is: the rules that were read last can be older than its own."""

    def found() -> pb.PodNetwork | None:
        path = path_of(asking, pod)
        return path if set(states(path).values()) == {OK} else None

    return until(found, SECONDS, f"{pod} is proven", lambda: str(path_of(asking, pod)))


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
    """On a bridge, with a BPF program, routed, and through a device of the host."""
    six_steps(pods, guest, asking, configured, figures)
    routed(pods, guest, asking, configured)
    on_a_parent(pods, guest, asking, configured)
    behind_another(pods, guest, asking, configured)


def six_steps(
    pods: Pods, guest: Guest, asking: Asking, configured: str, figures: list[str]
) -> None:
    """A healthy pod of a bridge with ipMasq: all six steps are proven. Then each is broken by hand,
    named as the first broken one, and cleared when it is healed. The runtime notices none of it.
    """
    node = pods.node
    configure(node, configured.replace('"isGateway"', '"ipMasq": true, "isGateway"'), "ipMasq")
    pod = pods.create("bridged", host_network=False)
    path = proven(asking, "bridged")
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

    def same() -> bool:
        told = counted(asking, pod)
        return sum(told) > 0 and told == of_eth0(guest, path.pid)

    until(
        same,
        SECONDS,
        "the counters are the pod's own",
        lambda: f"{counted(asking, pod)} {of_eth0(guest, path.pid)}",
    )
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

    guest.run(["ip", "link", "set", end, "mtu", "1400"])
    broken_at(asking, pod, LINK, "disagree on their MTU: 1500 in the pod, 1400 on the host")
    guest.run(["ip", "link", "set", end, "mtu", "1500"])
    whole(asking, pod)

    guest.run(["ip", "link", "set", end, "nomaster"])
    broken_at(asking, pod, ATTACHMENT, f"{end} is a port of no bridge")
    assert guest.run(["nodectl", "net"], check=False).exit_code == 1
    by_a_program(guest, asking, pod, end)
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
    assert node.network_ready()
    figures.append("network: 9 faults of one pod, each named at its step, seen by no one else")


def counted(asking: Asking, pod: Pod) -> list[int]:
    """Bytes, packets, errors and drops of what the pod receives, then of what it sends."""
    counters = path_of(asking, pod.name).counters
    received = [counters.rx_bytes, counters.rx_packets, counters.rx_errors, counters.rx_dropped]
    sent = [counters.tx_bytes, counters.tx_packets, counters.tx_errors, counters.tx_dropped]
    return [*received, *sent]


def of_eth0(guest: Guest, pid: int) -> list[int]:
    """The same, as a process of the pod reads it."""
    (line,) = [row for row in guest.read(f"/proc/{pid}/net/dev").splitlines() if "eth0:" in row]
    numbers = [int(word) for word in line.partition(":")[2].split()]
    return [*numbers[:4], *numbers[8:12]]


def by_a_program(guest: Guest, asking: Asking, pod: Pod, end: str) -> None:
    """A BPF program on the host's end stands for the bridge, as Cilium's do, however it is
    attached; without it the pod is attached to nothing again.
    """
    for how in ("clsact", "xdp"):
        with attached(guest, how, end):
            joined = whole(asking, pod)
            assert joined.datapath == pb.DATAPATH_BPF
            assert states(joined)[ATTACHMENT] == OK
            if how == "clsact":
                silent_gateway(guest, asking, pod, joined)
        lost = broken_at(asking, pod, ATTACHMENT, f"{end} is a port of no bridge")
        assert lost.datapath == pb.DATAPATH_UNATTACHED


def silent_gateway(guest: Guest, asking: Asking, pod: Pod, path: pb.PodNetwork) -> None:
    """The program drops all: as soon as the pod asks for its gateway, that is seen to be silent,
    and what the pod sends again is counted.
    """
    inside = ["nsenter", "-t", f"{path.pid}", "-n"]
    asker = guest.start([*inside, "python3", "-c", ASKER, path.gateway])
    try:
        broken_at(asking, pod, ROUTES, f"default via {path.gateway}, which does not answer")
        until(
            lambda: path_of(asking, pod.name).tcp_retransmits > path.tcp_retransmits,
            SECONDS,
            "what is sent again is counted",
        )
    finally:
        asker.close()
    forget_it = [*inside, "ip", "neigh", "del", path.gateway, "dev", "eth0"]
    guest.run(forget_it, check=False)  # unless the kernel has done so
    whole(asking, pod)


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


def on_a_parent(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """Pods of macvlan and ipvlan: there is no host's end, and the device they send through is
    named. Of ipvlan it is switched off: its pods are cut off with it.
    """
    try:
        for plugin, datapath in (
            ("macvlan", pb.DATAPATH_MACVLAN),
            ("ipvlan", pb.DATAPATH_IPVLAN),
        ):
            guest.run(f"ip link add {PARENT} type dummy && ip link set {PARENT} up")
            kind = f'"type": "{plugin}", "master": "{PARENT}"'
            configure(pods.node, configured.replace('"type": "bridge"', kind), f'"{plugin}"')
            pod = pods.create(plugin, host_network=False)
            path = joined_by(asking, pod, datapath)
            assert (path.interface, path.attached_to, path.host_interface) == ("eth0", PARENT, "")
            found = states(path)
            assert {found[step] for step in (LINK, ATTACHMENT, ADDRESS)} == {OK}, str(path)
            if plugin == "ipvlan":
                guest.run(["ip", "link", "set", PARENT, "down"])
                cut_off(asking, pod)
            remove_sandbox(pods.node, pod.sandbox_id)
            guest.run(["ip", "link", "delete", PARENT])
    finally:
        guest.run(["ip", "link", "delete", PARENT], check=False)


def joined_by(asking: Asking, pod: Pod, datapath: int) -> pb.PodNetwork:
    """The pod's network, once it is seen to be of this kind."""

    def found() -> pb.PodNetwork | None:
        path = path_of(asking, pod.name)
        return path if path.datapath == datapath else None

    what = f"{pod.name} is joined by {pb.Datapath.Name(datapath)}"
    return until(found, SECONDS, what, lambda: str(path_of(asking, pod.name)))


def cut_off(asking: Asking, pod: Pod) -> None:
    """Its interface has lost its carrier, or what it is on is switched off: whichever comes
    first.
    """
    found = asking.condition("PodNetworkIncomplete", pod.uid)
    assert PARENT in str(found) or "has no carrier" in found.message, str(found)


def behind_another(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """A stand-in for flannel, which calls bridge with a configuration of its own and keeps that:
    before it has done so nobody knows how many addresses there are; then its range is full.
    """
    with_ranges = json.loads(configured)
    (bridge, *others) = with_ranges["plugins"]
    first = {**bridge, "name": "cbr0", "cniVersion": with_ranges["cniVersion"], "bridge": "cni1"}
    subnet = {"subnet": "10.77.0.0/29", "rangeStart": "10.77.0.2", "rangeEnd": "10.77.0.3"}
    delegate = json.dumps({**first, "ipam": {"type": "host-local", "ranges": [[subnet]]}})
    path = "/run/lab/delegate"
    guest.write(path, delegate)
    script = (
        f"#!/bin/sh\ncat > /dev/null\nmkdir -p {FLANNEL}\n"
        f'[ "$CNI_COMMAND" = ADD ] && cp {path} {FLANNEL}/"$CNI_CONTAINERID"\n'
        f"exec {PLUGINS}/bridge < {path}\n"
    )
    plugins = [{"type": "bridge", "delegate": {}}, *others]  # use_plugin puts the name there
    text = json.dumps({**with_ranges, "name": "cbr0", "plugins": plugins})
    try:
        use_plugin(guest, pods.node, text, "flannel", script)
        asking.condition(
            "PodIPsExhausted",
            "",
            lambda found: "flannel gives the addresses of network cbr0" in found.message,
            status=CONDITION_STATUS_UNKNOWN,
        )
        made = [pods.create(name, host_network=False) for name in ("behind-0", "behind-1")]
        full = asking.condition("PodIPsExhausted", "", lambda c: c.reason == "AllInUse")
        assert "all 2 of network cbr0 are taken" in full.message
        (pool,) = [each for each in asking.networks().network.pools if each.network == "cbr0"]
        assert pool.directory == "/var/lib/cni/networks/cbr0"
        guest.run(["rm", "-r", FLANNEL])
        asking.condition(
            "PodIPsExhausted",
            "",
            lambda found: "of whatever flannel calls" in found.message,
            status=CONDITION_STATUS_UNKNOWN,
        )
        for each in made:
            remove_sandbox(pods.node, each.sandbox_id)
    finally:
        guest.run(f"rm -rf {PLUGINS}/flannel {FLANNEL} /var/lib/cni/networks/cbr0", check=False)
        guest.run("ip link delete cni1", check=False)


def lose_all(node: Node, *pods: Pod) -> None:
    """The runtime is killed with its shims and pauses, and its memory is lost, of all pods: when it
    is back it knows none, and nobody will ever call DEL for them.
    """
    guest, ctr = node.guest, ["ctr", "-n", "k8s.io", "containers"]
    inside = " ".join(each.group.directory for each in pods)
    found = guest.run(f"find {inside} -name cgroup.procs -exec cat {{}} +").out.split()
    pids = [int(pid) for pid in found]
    shims = {parent(guest, pid) for pid in pids}
    guest.run(f"kill -9 {' '.join(map(str, [*shims, *pids]))}")

    def forgotten() -> bool:
        known = guest.run([*ctr, "ls", "-q"]).out.split()
        return not known or guest.run([*ctr, "rm", *known], check=False).exit_code == 0

    until(forgotten, SECONDS, "the records are lost")
    node.stop_containerd(signal.SIGKILL)
    node.start_containerd()
    assert not node.cri.call("ListPodSandbox").items


def test_leftovers(
    pods: Pods, guest: Guest, asking: Asking, configured: str, figures: list[str]
) -> None:
    """The runtime's whole memory is lost: of each of its pods the namespace, the veth, the address
    and the empty cgroup are named with their age until they are removed, and the range is full of
    the dead. What a call of the CNI works on, and a cgroup that was never used, are no leftovers.
    Of a pod that ends well nothing stays, although the agent looks into it every second.
    """
    node = pods.node
    guest.run(f"rm -f {ALLOCATIONS}/10.* /var/lib/cni/results/*")  # of other tests' dead
    in_work(pods, guest, asking, configured)
    narrow = f'{SUBNET}, "rangeStart": "10.88.200.2", "rangeEnd": "10.88.200.3"'
    configure(node, configured.replace(SUBNET, narrow), "rangeEnd")
    lost = [pods.create(name, host_network=False) for name in ("lost-0", "lost-1")]
    hosted = pods.create("hosted")
    paths = [path_of(asking, each.name) for each in lost]
    full = asking.condition("PodIPsExhausted", "", lambda c: c.reason == "AllInUse")
    assert "all 2 of network lab are taken" in full.message
    whose_namespaces(guest, asking, lost[0], hosted)

    lose_all(node, *lost, hosted)
    with pytest.raises(grpc.RpcError, match="no IP addresses available"):
        pods.create("third", host_network=False)
    addresses = [path.addresses[0].rpartition("/")[0] for path in paths]
    wanted = {(pb.LEFTOVER_KIND_CGROUP, each.group.path) for each in (*lost, hosted)}
    for path, address in zip(paths, addresses, strict=True):
        wanted |= {
            (pb.LEFTOVER_KIND_NAMESPACE, path.name),
            (pb.LEFTOVER_KIND_VETH, path.host_interface),
            (pb.LEFTOVER_KIND_ADDRESS, address),
        }
    until(
        lambda: left(asking) == wanted,
        SECONDS,
        f"{wanted} are left, and nothing else",
        lambda: str(asking.networks()),
    )
    found = {each.name: each for each in asking.networks().network.leftovers}
    assert all(each.unused.ToSeconds() >= GRACE_SECONDS for each in found.values())
    of_a_pod = found[lost[0].group.path]
    assert (of_a_pod.owner, of_a_pod.detail) == (
        lost[0].uid,
        "no process is in it; it was of pod default/lost-0",
    )
    names = [path.name for path in paths]

    def both(leaked: Condition) -> bool:
        return all(name in str(leaked.evidence) for name in names)

    leaked = asking.condition("NetworkNamespaceLeaked", "", both)
    assert "2 network namespaces belong to no sandbox" in leaked.message
    for each in lost:
        assert any(each.sandbox_id[:12] in told.value for told in leaked.evidence)
    asking.condition("VethOrphaned", "", lambda c: paths[1].host_interface in str(c.evidence))
    asking.condition("PodIPsExhausted", "", lambda c: c.reason == "HeldByTheDead")
    said = guest.run(["nodectl", "net"], check=False)
    assert said.exit_code == 1
    assert f"namespace {names[0]}: used by nobody for" in " ".join(said.out.split())

    for path, address, each in zip(paths, addresses, lost, strict=True):
        guest.run(["ip", "netns", "delete", path.name])
        guest.run(f"rm {ALLOCATIONS}/{address} /var/lib/cni/results/*-{each.sandbox_id}-*")
    for each in (*lost, hosted):
        each.group.remove()
    for name in ("NetworkNamespaceLeaked", "VethOrphaned", "PodIPsExhausted"):
        asking.condition(name, "", status=CONDITION_STATUS_FALSE)
    until(lambda: not left(asking), SECONDS, "nothing is left", lambda: str(asking.networks()))

    fresh = pods.create("fresh", host_network=False)
    until(lambda: not path_of(asking, "fresh").broken, SECONDS, "a new pod is whole")
    remove_sandbox(node, fresh.sandbox_id)
    until(
        lambda: not guest.run("ls /run/netns; ip -o link show type veth; ip netns list-id").out,
        SECONDS,
        "no namespace and no veth is left",
        lambda: guest.run("ls -i /run/netns; ip -d link; ip netns list-id; lsns -t net").out,
    )
    figures.append(
        f"network: a runtime that forgets 3 pods leaves {len(wanted)} things, each named; the agent"
        " itself keeps none"
    )


def left(asking: Asking) -> set[tuple[int, str]]:
    """Kinds and names of the leftovers."""
    return {(each.kind, each.name) for each in asking.networks().network.leftovers}


def in_work(pods: Pods, guest: Guest, asking: Asking, configured: str) -> None:
    """An ADD that has made everything and has not come back: for longer than the grace its
    namespace has no process and the runtime knows no sandbox, and neither that nor its veth nor its
    address is called a leftover.
    """
    path = "/run/lab/leftovers-gate"
    script = (
        f'#!/bin/sh\nmade=$({PLUGINS}/bridge) || {{ echo "$made"; exit 1; }}\n'
        f'[ "$CNI_COMMAND" != ADD ] || read line < {path}\necho "$made"\n'
    )

    def works() -> str:
        """The name of its namespace, once the veth is there, and its address is given."""
        calls = asking.cni(pod="slow", commands=["ADD"]).cni.calls
        names = [c.netns.rpartition("/")[2] for c in calls if c.plugin == f"{PLUGINS}/hang"]
        given = guest.run(f"ls {ALLOCATIONS}/10.*", check=False).out
        return names[0] if names and given else ""

    use_plugin(guest, pods.node, configured, "hang", script)
    try:
        with ThreadPoolExecutor(max_workers=1) as pool, gate(guest, path):
            made = pool.submit(pods.create, "slow", host_network=False)
            name = until(works, SECONDS, "the ADD has made all", lambda: str(asking.cni()))
            begun = asking.networks().network.at.ToSeconds()

            def long_after() -> bool:
                report = asking.networks().network
                assert not report.leftovers, str(report)
                return report.at.ToSeconds() - begun > 2 * GRACE_SECONDS

            until(long_after, SECONDS, "the grace is over")
            empty = asking.namespaces().namespaces.named
            assert [each.processes for each in empty if each.name == name] == [0]
            assert not made.done()
            guest.run(f"echo > {path}")
            slow = made.result()
        remove_sandbox(pods.node, slow.sandbox_id)
        slow.group.remove()
    finally:
        guest.run(["rm", "-f", f"{PLUGINS}/hang"])


def whose_namespaces(guest: Guest, asking: Asking, own: Pod, hosted: Pod) -> None:
    """Of a pod with a network of its own and of one with the host's, by inode; and a process in a
    namespace that is neither the host's nor any container's is named.
    """

    def of_host() -> pb.PodNetwork | None:
        found = asking.networks(pod=hosted.uid).network.pods
        return found[0] if found else None

    shared = until(of_host, SECONDS, "the pod with the host's network is seen")
    assert (shared.datapath, len(shared.steps)) == (pb.DATAPATH_HOST, 0)
    for pod, holding in ((hosted, pb.NAMESPACE_HOLDING_HOST), (own, pb.NAMESPACE_HOLDING_OWN)):
        (found,) = asking.namespaces(pod=pod.uid).namespaces.containers
        assert {ns.kind: ns.holding for ns in found.namespaces}["net"] == holding
        for ns in found.namespaces:
            link = guest.run(["readlink", f"/proc/{found.pid}/ns/{ns.kind}"]).out.strip()
            assert link == f"{ns.kind}:[{ns.inode}]"

    alone = guest.start(["unshare", "--uts", "--ipc", "sleep", "3600"])

    def stranger() -> pb.Stranger | None:
        found = asking.namespaces().namespaces.strangers
        # Before it was executed it had the name of who has made it.
        mine = (each for each in found if each.pid == alone.pid and each.comm == "sleep")
        return next(mine, None)

    try:
        told = until(
            stranger, SECONDS, "a stranger is seen", lambda: str(asking.namespaces().namespaces)
        )
        assert told.cgroup == f"/{alone.cgroup}"
        links = [f"{ns.kind}:[{ns.inode}]" for ns in told.namespaces]
        for kind, link in zip(("uts", "ipc"), links, strict=True):
            assert guest.run(["readlink", f"/proc/{alone.pid}/ns/{kind}"]).out.strip() == link
        shown = guest.run(["nodectl", "ns"]).out
        assert f"other sleep[{alone.pid}] {links[0]}" in " ".join(shown.split())
    finally:
        alone.close()


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
