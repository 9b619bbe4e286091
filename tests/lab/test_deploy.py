"""The pods of deploy/, as their manifests say them, beside others: they serve, see and are told of.

What the hardened overlay does not see is what docs/install.md says.
"""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.api.v1.oom_pb2 import (
    LIMIT_LEVEL_CONTAINER,
    OUTCOME_SURVIVED,
    TRUTH_YES,
    WITNESS_KMSG,
    WITNESS_TRACE,
    WITNESS_VMSTAT,
    OOMIncident,
)
from agent.api.v1.status_pb2 import Source
from agent.install import HOME, LINK
from agent.nodectl.exits import Exit
from tests.certificates import Authority
from tests.deploy.kustomize import Resource
from tests.deploy.manifests import applied
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.deployed import DeployedPod, without_the_labs_own
from tests.lab.guest import Guest
from tests.lab.image import import_image
from tests.lab.kubelet import Pods
from tests.lab.machines import SYSTEMD
from tests.lab.manifest import NODE_NAME, ManifestPod
from tests.lab.node import Node
from tests.lab.scenarios.case import Case
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.stories import assert_story, fire
from tests.lab.truth import Books

# Where systemd is PID 1, as on nodes, mounts are shared: the manifests rely on it.
pytestmark = pytest.mark.machine(SYSTEMD)

MIB = 1 << 20
SEES_SECONDS = 120.0
NOT_IN_THE_LAB = {"kubelet"}
Deploy = Callable[..., DeployedPod]


@pytest.fixture
def deploy(node: Node, pods: Pods, guest: Guest, tmp_path: Path) -> Iterator[Deploy]:
    """Run the pod of some manifests until it serves; all of it is gone at the end."""
    import_image(guest)
    made: list[DeployedPod] = []

    def run(resources: list[Resource], kind: str = "DaemonSet") -> DeployedPod:
        made.append(DeployedPod(node, resources, Authority(tmp_path / "ca"), kind))
        return made[-1]

    with without_the_labs_own(guest):
        try:
            yield run
        finally:
            for one in made:
                one.close()
            node.start_containerd()
            pods.remove_all()
            guest.run("rm -rf /var/lib/kubelet/pods /etc/nodewitness-tls", check=False)
            guest.run("rmdir /var/lib/kubelet", check=False)


def unseeing(asking: Asking) -> set[str]:
    """The sources that do not see."""
    return {s.name for s in asking.status().sources if s.state != Source.STATE_UP}


def cost(what: str, began: float, asking: Asking) -> str:
    own = asking.status().self
    took = time.monotonic() - began
    return (
        f"{what}: serves {took:.1f} s after its sandbox was asked for,"
        f" {own.resident_bytes / MIB:.1f} MiB resident"
    )


def test_privileged(
    deploy: Deploy, pods: Pods, node: Node, guest: Guest, figures: list[str]
) -> None:
    """The DaemonSet sees all; killed, it loses nothing; nodectl outlives it and the runtime; the
    clean-up leaves nothing.
    """
    began = time.monotonic()
    deployed = deploy(applied()["privileged"])
    asking = Asking(deployed.agent)
    figures.append(cost("DaemonSet, privileged", began, asking))
    assert deployed.probed()
    status = asking.status()
    assert status.identity.node == NODE_NAME
    print(deployed.said)
    until(lambda: unseeing(asking) == NOT_IN_THE_LAB, SEES_SECONDS, "all is seen")

    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    assert_story(incident, case, kernel)
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("child-oom", "survived") == 1

    before = asking.settled()
    missed = child_over_limit(pods, name="missed")
    deployed.agent.container.group.kill()
    unseen = missed.fire()
    deployed.replace()
    assert missed.before is not None
    asking.balanced(before, missed.before, unseen)
    assert_story(asking.closed("missed"), missed, unseen)
    assert asking.closed("child-oom").id == incident.id

    node.stop_containerd(signal.SIGKILL)
    assert guest.run(["nodectl", "oom", "--timeout", "60s"], check=False).exit_code == Exit.OK
    deployed.agent.container.group.kill()
    dead = guest.run(["nodectl", "status", "--timeout", "60s"], check=False)
    assert (dead.exit_code, dead.out) == (Exit.NO_AGENT, "")
    assert guest.run(["nodectl", "explain", "HiddenOOMKill"]).out.startswith("HiddenOOMKill")
    node.start_containerd()

    (job,) = applied()["cleanup"]
    pods.remove_all()
    container = ManifestPod(node, job["spec"]["template"], name="cleanup", config_maps={}).start(
        "cleanup"
    )
    assert container.wait_exited().get("exit_code", 0) == 0
    said = container.log()
    assert "removed  trace instance nodewitness-" in said
    assert f"removed  {LINK}" in said
    assert not guest.exists(str(LINK))
    assert not guest.exists(f"{HOME}/{status.identity.version}")


def test_hardened(deploy: Deploy, pods: Pods, guest: Guest, figures: list[str]) -> None:
    """With listed capabilities alone the kill is told by name, without the kernel's log."""
    began = time.monotonic()
    deployed = deploy(applied()["hardened"])
    asking = Asking(deployed.agent)
    figures.append(cost("DaemonSet, hardened", began, asking))
    assert deployed.probed()
    wanted = {"kmsg", *NOT_IN_THE_LAB}
    until(lambda: unseeing(asking) == wanted, SEES_SECONDS, "all but the log is seen")
    shown = guest.run(["nodectl", "status", "--timeout", "60s"], check=False)
    assert "absent" in next(line for line in shown.out.splitlines() if "kmsg" in line)
    print(shown.out)

    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    print(incident)
    assert_story_without_kmsg(incident, case, kernel)
    assert asking.kills("child-oom", "survived") == 1


def assert_story_without_kmsg(incident: OOMIncident, case: Case, kernel: Books) -> None:
    """Who, where, at whose limit: all but how large the victim was."""
    expected, container = case.expected, case.the_container
    (victim,) = incident.victims
    assert {victim.pid} == kernel.victims
    assert victim.comm == "work"
    assert victim.cgroup == expected.victim_group.path
    assert {WITNESS_VMSTAT, WITNESS_TRACE} <= set(victim.witnesses)
    assert WITNESS_KMSG not in victim.witnesses
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert incident.limit_cgroup == expected.limit_group.path
    assert incident.limit_bytes == expected.limit_bytes
    names = incident.container
    assert (names.namespace, names.pod, names.name) == ("default", "child-oom", "main")
    assert names.id == container.id
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)


def test_static_pod(deploy: Deploy, pods: Pods, guest: Guest) -> None:
    """The same pod without an API server, with the host's own file of settings: it serves, and
    tells a kill, here under cAdvisor's name too.
    """
    guest.run("mkdir -p /etc/nodewitness")
    guest.write("/etc/nodewitness/config.toml", "[serve]\ncadvisor_names = true\n")
    deployed = deploy(applied()["static-pod"], "Pod")
    asking = Asking(deployed.agent)
    assert deployed.probed()
    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    assert_story(asking.closed("child-oom"), case, kernel)
    labels = {"namespace": "default", "pod": "child-oom", "container": "main"}
    assert asking.kills("child-oom", "survived") == 1
    assert asking.metric("container_oom_events_total", **labels) == 1
    name = "container_memory_events_oom_kill_total"

    def swept() -> bool:
        return [value for _, value in asking.metrics(name, **labels)] == [kernel.counted]

    until(swept, SEES_SECONDS, "the next sweep")
