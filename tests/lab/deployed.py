"""The agent as the manifests and the unit of deploy/ run it, instead of a process of the lab's."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.certificates import Authority
from tests.deploy.kustomize import Resource, pod_template, the
from tests.lab.agent_process import AgentProcess
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.manifest import HOST_IP, ManifestContainer, ManifestPod
from tests.lab.node import Node

START_SECONDS = 300.0
POD_NAME = "nodewitness-x7k2p"
HOST_TLS = "/etc/nodewitness-tls"
"""Where the static pod has its certificate from, on the node itself."""
_PROBE = """
import grpc, sys
with grpc.insecure_channel(sys.argv[1]) as channel:
    ask = channel.unary_unary("/grpc.health.v1.Health/Check")
    sys.exit(ask(b"", timeout=30, wait_for_ready=True) != b"\\x08\\x01")
"""
_GET = """
import ssl, sys, urllib.request
url, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
sys.stdout.buffer.write(urllib.request.urlopen(url, timeout=30, context=context).read())
"""
# The clone's mount makes room: a mount over it would not outlive the clean-up, whose container may
# remove a directory that is a mount point in other mount namespaces only.
_BARE = """
set -e
mkdir -p /run/lab/own /run/lab/project
mount --bind /opt/nodewitness /run/lab/project
umount -l /opt/nodewitness
mv /usr/local/bin/nodectl /usr/local/bin/nodewitness /run/lab/own
"""
_AS_IT_WAS = """
set -e
rm -f /usr/local/bin/nodectl /usr/local/bin/nodewitness
mv /run/lab/own/* /usr/local/bin
rm -rf /opt/nodewitness
mkdir /opt/nodewitness
mount --bind /run/lab/project /opt/nodewitness
umount -l /run/lab/project
"""


@contextmanager
def without_the_labs_own(guest: Guest) -> Iterator[None]:
    """A host as a customer's: /opt/nodewitness is empty, and no nodectl is in the PATH."""
    guest.run(_BARE)
    try:
        yield
    finally:
        guest.run(_AS_IT_WAS)


class DeployedPod:
    """The pod of a DaemonSet or a static one, with TLS of this authority. Close it."""

    def __init__(
        self, node: Node, resources: list[Resource], authority: Authority, kind: str = "DaemonSet"
    ) -> None:
        pair = authority.issue(HOST_IP, to="pod")
        tls = {"tls.crt": pair.certificate.read_text(), "tls.key": pair.key.read_text()}
        node.guest.run(["mkdir", "-p", HOST_TLS])
        for name, text in (*tls.items(), ("ca.crt", authority.file.read_text())):
            node.guest.write(f"{HOST_TLS}/{name}", text)
        template = pod_template(the(kind, resources))
        maps = {r["metadata"]["name"]: r["data"] for r in resources if r["kind"] == "ConfigMap"}
        secrets = {"nodewitness-tls": tls}
        self.said: dict[str, str] = {}
        """What each init container has said."""
        self.pod = ManifestPod(node, template, name=POD_NAME, config_maps=maps, secrets=secrets)
        for init in template["spec"].get("initContainers", ()):
            container = self.pod.start(init["name"])
            status = container.wait_exited()
            self.said[init["name"]] = container.log()
            assert status.get("exit_code", 0) == 0, (status, container.log())
        self.agent = PodAgent(node.guest, self.pod.start("nodewitness"))
        self.agent.wait_serving()

    def replace(self) -> None:
        """The kubelet's answer to a container that has ended: the next attempt."""
        old = self.agent.container
        old.wait_exited()
        self.agent.container = self.pod.start("nodewitness", attempt=old.attempt + 1)
        self.agent.wait_serving()

    def probed(self) -> bool:
        """Whether a gRPC probe of the kubelet passes."""
        port = self.pod.spec["containers"][0]["readinessProbe"]["grpc"]["port"]
        probe = ["python3", "-c", _PROBE, f"{HOST_IP}:{port}"]
        return self.pod.node.guest.run(probe, check=False).exit_code == 0

    def close(self) -> None:
        """Show the log, hang up. The pod is removed with all others."""
        print(self.agent.log())
        self.agent.close()


class PodAgent(AgentProcess):
    """How to ask the agent of such a pod."""

    def __init__(self, guest: Guest, container: ManifestContainer) -> None:
        super().__init__(guest)
        self.container = container

    def log(self) -> str:
        return self.container.log()

    def metrics(self, seconds: float = 10.0) -> str:
        url = f"https://{HOST_IP}:9754/metrics"
        return self.guest.run(["python3", "-c", _GET, url, f"{HOST_TLS}/ca.crt"]).out

    def wait_serving(self, seconds: float = START_SECONDS) -> None:
        def serving() -> bool:
            status = self.container.status()
            assert status["state"] == "CONTAINER_RUNNING", f"{status}\n{self.log()}"
            return self.serving()

        until(serving, seconds, "the agent is SERVING", self.log)


class UnitAgent(AgentProcess):
    """How to ask the agent of nodewitness.service."""

    LOG = "/run/lab/unit.log"

    def log(self) -> str:
        try:
            return self.guest.read(self.LOG)
        except FileNotFoundError:
            return ""

    def main_pid(self) -> int:
        """The unit's process; 0 if there is none."""
        done = self.guest.run(["systemctl", "show", "-P", "MainPID", "nodewitness"])
        return int(done.out)

    def wait_serving(self, seconds: float = START_SECONDS) -> None:
        until(self.serving, seconds, "the agent is SERVING", self.log)
