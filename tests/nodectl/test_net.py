"""`nodectl net` and `nodectl ns`."""

from __future__ import annotations

import json

import pytest
import yaml
from google.protobuf.duration_pb2 import Duration

from agent.api.v1 import network_pb2 as pb
from agent.api.v1 import node_agent_pb2
from agent.api.v1 import plumbing_pb2 as pb2
from agent.nodectl.exits import Exit
from agent.nodectl.show import net, ns, plumbing
from agent.serve.plumbing import answer as plumbing_answer
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent
from tests.serve.plumbing_sample import CALM


def test_table(agent: FakeAgent, run: Run) -> None:
    """A broken path is a finding, and so is what is left."""
    result = run("net", "-n", "shop", "--broken")
    assert result.exit_code == Exit.FINDING
    assert agent.requests == [node_agent_pb2.ListPodNetworksRequest(namespace="shop", broken=True)]
    assert "BROKEN attachment" in result.output
    del agent.networks.network.pods[0]
    assert run("net").exit_code == Exit.FINDING
    del agent.networks.network.leftovers[:]
    assert run("net").exit_code == Exit.OK
    agent.networks.network.pools[0].free = 0
    full = run("net")
    assert full.exit_code == Exit.FINDING
    assert "EXHAUSTED: 3 of 253" in full.output


def test_one_pod(agent: FakeAgent, run: Run) -> None:
    """Asked for as NAMESPACE/NAME; leftovers of the node are no finding about it."""
    agent.networks = examples.networks(pod="web-0")
    result = run("net", "shop/web-0")
    assert agent.requests == [node_agent_pb2.ListPodNetworksRequest(namespace="shop", pod="web-0")]
    assert result.exit_code == Exit.OK
    assert "attachment  ok" in result.output
    assert "nat         unused" in result.output
    agent.networks = node_agent_pb2.ListPodNetworksResponse()
    assert run("net", "nobody").output == "No such pod.\n"


def test_wide(agent: FakeAgent, run: Run) -> None:
    rows = [line for line in run("net", "-o", "wide").output.splitlines() if "web-0" in line]
    for word in ("veth7b1e451b", "cni0", "10.88.0.1", "1500", "cni-20a26202"):
        assert word in rows[0]


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("net", "-o", "json").output)
    assert found["network"]["pods"][0]["broken"] == "PATH_STEP_ATTACHMENT"
    assert yaml.safe_load(run("net", "-o", "yaml").output) == found
    assert json.loads(run("ns", "-o", "json").output)["namespaces"]["strangers_cut"] == 2


def test_states() -> None:
    """Broken before unknown; a pod whose network nobody has read is unknown."""
    unknown = pb.NetworkStep(step=pb.PATH_STEP_NAT, state=pb.STEP_STATE_UNKNOWN)
    assert net.state(pb.PodNetwork(steps=[unknown])) == "unknown nat"
    assert net.state(pb.PodNetwork(steps=[unknown], broken=pb.PATH_STEP_LINK)) == "BROKEN link"
    assert net.state(pb.PodNetwork()) == "unknown"
    assert net.state(pb.PodNetwork(datapath=pb.DATAPATH_HOST)) == "ok"
    assert "nothing of it could be read" in net.one(
        node_agent_pb2.ListPodNetworksResponse(network=pb.NetworkReport(pods=[pb.PodNetwork()])), 0
    )


def test_empty_and_cut() -> None:
    empty = node_agent_pb2.ListPodNetworksResponse(truncated=True)
    assert net.table(empty, 0).splitlines()[0] == "No pod that was asked for."
    assert "only 0 pods are shown" in net.table(empty, 0)
    many = examples.networks()
    many.network.leftovers.extend([many.network.leftovers[0]] * 30)
    assert "13 more (-o json has all)" in net.table(many, examples.NETWORK_NS)
    many.network.pools[0].unread_reason = "a dead disk"
    assert "k8s: not known: a dead disk" in net.table(many, examples.NETWORK_NS)
    many.network.pools[0].ClearField("ranges")
    told = " ".join(net.table(many, examples.NETWORK_NS).split())
    assert "k8s: 3 addresses are used, 1 of them of containers that are gone; of how many" in told
    nothing = node_agent_pb2.ListNamespacesResponse(truncated=True)
    assert ns.report(nothing, 0).startswith("No container that was asked for.")


def test_namespaces(agent: FakeAgent, run: Run) -> None:
    """Which are the host's and which the pod's; in full with -o wide."""
    result = run("ns", "shop/web-0")
    assert result.exit_code == Exit.OK
    assert agent.requests == [node_agent_pb2.ListNamespacesRequest(namespace="shop", pod="web-0")]
    (main,) = [line for line in result.output.splitlines() if "main" in line and "web-0" in line]
    assert main.split()[:5] == ["user", "time", "net", "uts", "ipc"]
    wide = run("ns", "-o", "wide").output.splitlines()
    assert "the host" in wide[1]
    assert any("4026532171" in line for line in wide)


def test_hostile_names() -> None:
    """What a container has chosen never reaches the terminal as it is."""
    answer = examples.namespaces()
    answer.namespaces.strangers[0].comm = "\x1b[2J"
    answer.namespaces.named[0].name = "a\nb"
    text = ns.report(answer, examples.NETWORK_NS)
    assert "\x1b" not in text
    assert "a\nb" not in text


def test_node(agent: FakeAgent, run: Run) -> None:
    """What is wrong with the node's own network is a finding; nothing of pods is asked for."""
    result = run("net", "--node")
    assert agent.requests == [node_agent_pb2.GetPlumbingRequest()]
    assert result.exit_code == Exit.FINDING
    assert "FULL: 262,144 of 262,144 (100%)" in result.output
    told = json.loads(run("net", "--node", "-o", "json").output)
    assert told["plumbing"]["overlays"][0]["state"] == "OVERLAY_STATE_VANISHED"
    calm = agent.plumbing.plumbing
    calm.CopyFrom(plumbing_answer(CALM).plumbing)
    well = run("net", "--node")
    assert well.exit_code == Exit.OK
    assert "not known  neighbours4: arp_cache: No such file or directory" in well.output
    assert run("net", "--node", "web-0").exit_code == Exit.USAGE


@pytest.mark.parametrize(
    "wrong",
    [
        pb2.PlumbingReport(conntrack=pb2.ConntrackTable(entries=9, limit=10)),
        pb2.PlumbingReport(saturated=True),
        pb2.PlumbingReport(neighbours=[pb2.NeighbourTable(version=4, table_fulls_per_second=1)]),
        pb2.PlumbingReport(overlays=[pb2.OverlayDevice(state=pb2.OVERLAY_STATE_DOWN)]),
        pb2.PlumbingReport(routes=[pb2.RouteOrigin(gone=Duration(seconds=1))]),
        pb2.PlumbingReport(flapping=[pb2.FlappingDevice(changes=6)]),
        pb2.PlumbingReport(tools=[pb2.RuleTool(age=Duration(seconds=10))]),
    ],
)
def test_node_findings(wrong: pb2.PlumbingReport) -> None:
    """Each by itself."""
    assert plumbing.found(wrong)
    assert not plumbing.found(pb2.PlumbingReport())
    assert plumbing.node(wrong) or wrong.saturated


def test_node_words() -> None:
    """A program that waits in the kernel, and what there is no limit of."""
    tool = pb2.RuleTool(pid=7, comm="nft", waits=True, wchan="a", age=Duration(seconds=1))
    rules = pb2.PacketFilter(unread_reason="no", tables=[])
    report = pb2.PlumbingReport(tools=[tool], conntrack=pb2.ConntrackTable(entries=1), rules=rules)
    told = plumbing.node(report)
    assert "conntrack  1 of 0 (?)" in told
    assert "program    nft[7] for 1s, waits in a" in told
    assert "rules      no table; no" in told
