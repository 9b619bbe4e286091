"""The DaemonSet's pod as its manifests say it, as a pod beside others: it serves and sees them."""

import time
from collections.abc import Callable, Iterator

import pytest

from agent.api.v1.oom_pb2 import OUTCOME_SURVIVED, TRUTH_YES
from tests.deploy.kustomize import Resource, build, pod_template, the
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.cache import PROJECT
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.image import import_image
from tests.lab.kubelet import Pods
from tests.lab.manifest import HOST_IP, NODE_NAME, ManifestContainer, ManifestPod
from tests.lab.node import Node
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.stories import assert_story, fire

OVERLAYS = PROJECT / "deploy/daemonset/overlays"
START_SECONDS = 300.0
_PROBE = """
import grpc, sys
with grpc.insecure_channel(sys.argv[1]) as channel:
    ask = channel.unary_unary("/grpc.health.v1.Health/Check")
    sys.exit(ask(b"", timeout=20, wait_for_ready=True) != b"\\x08\\x01")
"""
_GET = """
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=20).read())
"""


class PodAgent(AgentProcess):
    """The agent in a pod of the DaemonSet."""

    def __init__(self, guest: Guest, container: ManifestContainer) -> None:
        super().__init__(guest)
        self.container = container

    def log(self) -> str:
        return self.container.log()

    def metrics(self, seconds: float = 10.0) -> str:
        url = f"http://{HOST_IP}:9754/metrics"
        return self.guest.run(["python3", "-c", _GET, url]).out

    def wait_serving(self, seconds: float = START_SECONDS) -> None:
        def serving() -> bool:
            status = self.container.status()
            assert status["state"] == "CONTAINER_RUNNING", f"{status}\n{self.log()}"
            return self.serving()

        until(serving, seconds, "the agent is SERVING", self.log)


Deploy = Callable[[list[Resource]], tuple[ManifestPod, PodAgent]]


@pytest.fixture
def deploy(node: Node, pods: Pods) -> Iterator[Deploy]:
    """Run the DaemonSet's pod: first its init containers, then the agent, until it serves."""
    import_image(node.guest)
    agents: list[PodAgent] = []

    def run(resources: list[Resource]) -> tuple[ManifestPod, PodAgent]:
        template = pod_template(the("DaemonSet", resources))
        maps = {r["metadata"]["name"]: r["data"] for r in resources if r["kind"] == "ConfigMap"}
        pod = ManifestPod(node, template, name="nodewitness-x7k2p", config_maps=maps)
        for init in template["spec"].get("initContainers", ()):
            status = pod.start(init["name"]).wait_exited()
            assert status.get("exit_code", 0) == 0, status
        agent = PodAgent(node.guest, pod.start("nodewitness"))
        agents.append(agent)
        agent.wait_serving()
        return pod, agent

    yield run
    for agent in agents:
        print(agent.log())
        agent.container.stop()
        agent.close()
    pods.remove_all()


def sources(asking: Asking) -> dict[str, str]:
    """What each source says of itself."""
    return {source.name: source.detail for source in asking.status().sources}


@pytest.mark.parametrize("overlay", ["privileged", "hardened"])
def test_overlay(overlay: str, deploy: Deploy, pods: Pods, node: Node, figures: list[str]) -> None:
    """The pod serves, its probes pass, and a neighbour's hidden OOM kill is told by name."""
    began = time.monotonic()
    _, agent = deploy(build(OVERLAYS / overlay))
    took = time.monotonic() - began
    asking = Asking(agent)
    probe = ["python3", "-c", _PROBE, f"{HOST_IP}:9756"]
    assert node.guest.run(probe, check=False).exit_code == 0
    assert asking.status().identity.node == NODE_NAME

    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    assert_story(incident, case, kernel)
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("child-oom", "survived") == 1
    print(asking.status())
    print(agent.log())
    figures.append(f"{overlay}: serves {took:.1f} s after its sandbox was asked for")
