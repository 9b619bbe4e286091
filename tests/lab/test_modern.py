"""Kernel 6.12 with the systemd driver: the same stories from another kernel's words."""

import pytest

from agent.api.v1.network_pb2 import DATAPATH_BPF, DATAPATH_BRIDGE, DATAPATH_UNATTACHED
from agent.api.v1.oom_pb2 import (
    LIMIT_LEVEL_CONTAINER,
    OUTCOME_DIED,
    OUTCOME_SURVIVED,
    TRUTH_NO,
    TRUTH_YES,
)
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import EXIT_SECONDS, Asking
from tests.lab.bpf import attached
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.machines import MODERN
from tests.lab.scenarios.case import MIB
from tests.lab.scenarios.container_limit import child_over_limit, group_over_limit
from tests.lab.stories import assert_story, fire
from tests.lab.test_network import joined_by
from tests.lab.test_pressure import ABOVE_HIGH, THRASH

pytestmark = pytest.mark.machine(MODERN)


def test_stories(pods: Pods, guest: Guest, asking: Asking) -> None:
    """The hidden kill, and the group's; and a pod's network by tcx."""
    hidden_kill_of_a_child(pods, asking)
    group_kill(pods, asking)
    by_tcx(pods, guest, asking)


def hidden_kill_of_a_child(pods: Pods, asking: Asking) -> None:
    """A child dies, the container lives on."""
    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("child-oom", "survived") == 1
    assert asking.status().host.kernel_release.startswith("6.12.")


def group_kill(pods: Pods, asking: Asking) -> None:
    """One incident with all its processes; the first is counted twice, as on 6.1: a repeat."""
    case = group_over_limit(pods)
    kernel, _ = fire(case, asking)
    assert len(kernel.victims) > 1
    incident = asking.closed("group-oom")
    assert_story(incident, case, kernel)
    assert sum(victim.repeats for victim in incident.victims) == kernel.repeats
    assert (incident.outcome, incident.hidden) == (OUTCOME_DIED, TRUTH_NO)
    assert asking.kills("group-oom", "died") == len(kernel.victims)


def by_tcx(pods: Pods, guest: Guest, asking: Asking) -> None:
    """A BPF program that is attached by tcx (Linux 6.6) joins a pod to the node."""
    pod = pods.create("by-tcx", host_network=False)
    end = joined_by(asking, pod, DATAPATH_BRIDGE).host_interface
    with attached(guest, "tcx", end):
        guest.run(["ip", "link", "set", end, "nomaster"])
        joined_by(asking, pod, DATAPATH_BPF)
    joined_by(asking, pod, DATAPATH_UNATTACHED)


def test_pressure_without_the_capability(pods: Pods, agent: AgentProcess) -> None:
    """Without CAP_SYS_RESOURCE a kernel since 6.5 has windows of two seconds: that is said, and
    an episode is told all the same.
    """
    thrash = pods.create("thrash").container(
        "main", THRASH, memory_max=256 * MIB, unified=ABOVE_HIGH
    )
    thrash.wait_ready()
    agent.start(without=("sys_resource",))
    asking = Asking(agent)

    def armed() -> bool:
        return all(trigger.armed for trigger in asking.pressure().triggers)

    until(armed, EXIT_SECONDS, "all triggers are armed", lambda: str(asking.pressure()))
    for trigger in asking.pressure().triggers:
        assert trigger.window.ToSeconds() == 2
        assert trigger.stall.ToMilliseconds() > 150
        assert trigger.detail == ("a window of 2 s instead of 1 s, for CAP_SYS_RESOURCE is missing")
    thrash.group.go()

    def episode() -> bool:
        current = {(each.scope, each.resource) for each in asking.pressure().current}
        return ("kubepods", "memory") in current

    until(episode, EXIT_SECONDS, "an episode", lambda: str(asking.pressure()))
