"""Kernel 6.12 with the systemd driver: the same stories from another kernel's words."""

import pytest

from agent.api.v1.oom_pb2 import (
    LIMIT_LEVEL_CONTAINER,
    OUTCOME_DIED,
    OUTCOME_SURVIVED,
    TRUTH_NO,
    TRUTH_YES,
)
from tests.lab.asking import Asking
from tests.lab.kubelet import Pods
from tests.lab.machines import MODERN
from tests.lab.scenarios.container_limit import child_over_limit, group_over_limit
from tests.lab.stories import assert_story, fire

pytestmark = pytest.mark.machine(MODERN)


def test_stories(pods: Pods, asking: Asking) -> None:
    """The hidden kill, and the group's."""
    hidden_kill_of_a_child(pods, asking)
    group_kill(pods, asking)


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
