"""The probes in the kernel's OOM killer: each victim's cgroup as the kernel had it in its hands."""

import pytest

from agent.api.v1.oom_pb2 import (
    ATTRIBUTION_PROBE,
    LIMIT_LEVEL_CONTAINER,
    LIMIT_LEVEL_NESTED,
    LIMIT_LEVEL_SYSTEM,
    OOMIncident,
)
from agent.api.v1.status_pb2 import Source
from tests.lab.agent_process import STATE_DIRECTORY, AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.machines import CGROUPFS, MODERN
from tests.lab.scenarios.container_limit import child_over_limit, group_over_limit
from tests.lab.scenarios.outside import nested_over_limit, service_over_limit
from tests.lab.stories import assert_story, fire

KERNELS: pytest.MarkDecorator = pytest.mark.parametrize(
    "kernel",
    [
        pytest.param("6.1", marks=pytest.mark.machine(CGROUPFS)),
        pytest.param("6.12", marks=pytest.mark.machine(MODERN)),
    ],
)
HOSTILE = 'a ,task_memcg=|x"y\\n oom_kill_1f2e3d4c: (x) pid=1'
# fsopen(2) is not for shells: a tracefs of the test's own, for one command.
TRACEFS = "mkdir -p /run/tracing && mount -t tracefs none /run/tracing"
UNMOUNT = "umount /run/tracing"
SECONDS = 120


def probe_of(asking: Asking) -> Source:
    (source,) = [found for found in asking.status().sources if found.name == "probe"]
    return source


def definitions(guest: Guest) -> list[str]:
    """What stands in the kernel of our group."""
    listed = guest.run(f"{TRACEFS} && cat /run/tracing/kprobe_events; {UNMOUNT}").out
    return [line for line in listed.splitlines() if "nodewitness/" in line]


def assert_probed(incident: OOMIncident) -> None:
    assert {victim.attribution for victim in incident.victims} == {ATTRIBUTION_PROBE}


@KERNELS
def test_probed(pods: Pods, asking: Asking, guest: Guest, kernel: str) -> None:
    """The source says on which functions it is; a group kill in a container: every process of it,
    at the container's limit; a cgroup within a container whose name imitates the kernel's texts is
    only a cgroup (the kernel itself refuses a newline in a cgroup's name); a daemon of the node, at
    the limit of its unit. Who switches the probes off blinds us, which is said; then they are there
    again.
    """
    source = probe_of(asking)
    assert source.state == Source.STATE_UP, source
    assert source.detail == "kprobes on out_of_memory and __oom_kill_process"

    case = group_over_limit(pods)
    truth, _ = fire(case, asking)
    incident = asking.closed("group-oom")
    assert_story(incident, case, truth)
    assert_probed(incident)
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    until(lambda: probe_of(asking).records >= len(truth.victims), SECONDS, "the kills are counted")

    case = nested_over_limit(pods, cgroup=HOSTILE, by_container=True)
    truth, _ = fire(case, asking)
    incident = asking.closed("nested-oom")
    assert_story(incident, case, truth)
    assert_probed(incident)
    assert incident.limit_level == LIMIT_LEVEL_NESTED

    case = service_over_limit(pods.node, name="cron-p")
    fire(case, asking)
    (incident,) = [found for found in asking.incidents() if found.unit == "cron-p.service"]
    assert_probed(incident)
    assert incident.limit_level == LIMIT_LEVEL_SYSTEM
    assert incident.limit_cgroup == case.expected.limit_group.path
    assert incident.limit_bytes == case.expected.limit_bytes

    off = "for e in /run/tracing/instances/nodewitness-*/events/nodewitness/enable; do echo 0 > $e"
    guest.run(f"{TRACEFS} && {off}; done; {UNMOUNT}")
    until(lambda: probe_of(asking).state != Source.STATE_UP, SECONDS, "the probe is blind")
    until(lambda: probe_of(asking).state == Source.STATE_UP, SECONDS, "the probe sees again")


def test_without_the_kernels_log(pods: Pods, agent: AgentProcess, guest: Guest) -> None:
    """With kmsg off, the victim's cgroup and the limit that fired are known all the same. A restart
    finds the probes as they are; uninstalling leaves nothing in the kernel.
    """
    agent.start({"sources.kmsg": "false"})
    asking = Asking(agent)
    case = child_over_limit(pods)
    truth, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    assert_probed(incident)
    assert {victim.pid for victim in incident.victims} == truth.victims
    assert incident.container.pod == "child-oom"
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert incident.limit_cgroup == case.expected.limit_group.path
    assert incident.limit_bytes == case.expected.limit_bytes

    before = definitions(guest)
    assert len(before) == 2
    agent.restart()
    assert probe_of(asking).state == Source.STATE_UP
    assert definitions(guest) == before
    agent.stop()
    removed = guest.run(["nodewitness", "uninstall", "--set", f"state.directory={STATE_DIRECTORY}"])
    assert removed.out.count("probe oom_") == 2
    assert definitions(guest) == []
