"""The runtime's last word beside the kernel's, on a real kernel and a real containerd.

Which of its reasons containerd gives depends on races of its own: asserted is what holds whoever
wins. The races themselves are the systemd driver's (test_systemd.py); the judgement is unit-tested.
"""

from contextlib import suppress

import pytest

from agent.api.v1.exits_pb2 import VERDICT_EXITED
from agent.api.v1.oom_pb2 import (
    DISAGREEMENT_KILL_NOT_REPORTED,
    DISAGREEMENT_REPORTED_WITHOUT_DEATH,
    DISAGREEMENT_UNSPECIFIED,
    OUTCOME_DIED,
    OUTCOME_SURVIVED,
    TRUTH_YES,
    OOMIncident,
)
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import DeadlineError, until
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.pods import Container
from tests.lab.scenarios.afterlife import child_over_limit_then_exit, dismiss
from tests.lab.scenarios.container_limit import init_over_limit
from tests.lab.scenarios.runtime import stopped

METRIC = "nodewitness_runtime_disagreements_total"
HEARD_SECONDS = 20.0
TRIES = 5


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running."""
    agent.start()
    return Asking(agent)


def ended(asking: Asking, pod: str) -> OOMIncident:
    """The incident of this pod, once it has the container's end and the runtime's word on it."""

    def last(incident: OOMIncident) -> bool:
        return incident.HasField("container_exit") and "exit code" in incident.runtime_says

    return asking.incident(pod, lambda incident: incident.outcome != 0 and last(incident))


def heard(container: Container) -> bool:
    """Whether the runtime has heard of a kill in this container, which lives."""
    with suppress(DeadlineError):
        until(
            lambda: container.status().get("reason") == "OOMKilled",
            HEARD_SECONDS,
            "the runtime has heard of the kill",
            every=0.5,
        )
        return True
    return False


def outlived(pods: Pods, asking: Asking, name: str) -> bool:
    """A child is killed, then the init exits with 0: both facts are shown, and the container has
    survived the kill. Whether the runtime calls its ordinary end OOMKilled: it is contradicted
    exactly if it does.
    """
    case = child_over_limit_then_exit(pods, name=name)
    case.fire()
    before = asking.closed(name)
    assert (before.outcome, before.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert before.disagreement == DISAGREEMENT_UNSPECIFIED
    assert not before.HasField("container_exit")
    told = heard(case.the_container)
    dismiss(case)
    incident = ended(asking, name)
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert incident.container_exit.exit_code == 0
    assert not incident.container_exit.HasField("signal")
    wrong = incident.runtime_says == "OOMKilled, exit code 0"
    assert wrong or (not told and incident.runtime_says == "Completed, exit code 0")
    kind = DISAGREEMENT_REPORTED_WITHOUT_DEATH if wrong else DISAGREEMENT_UNSPECIFIED
    incident = asking.incident(name, lambda found: found.disagreement == kind)
    death = asking.exit(name, lambda found: found.disagreement == kind)
    assert (death.verdict, death.exit_code) == (VERDICT_EXITED, 0)
    assert death.runtime_says == incident.runtime_says
    assert list(death.incident_ids) == [incident.id]
    contradicted = [each.id for each in asking.incidents(disagreements=True)]
    assert contradicted == [incident.id] * wrong
    return wrong


def test_the_last_word(pods: Pods, node: Node, asking: Asking) -> None:
    """h. An ordinary end that the runtime calls OOMKilled, for a child was killed before. An init
    that dies of its limit: a disagreement exactly if the runtime gives another reason; while it is
    silent nothing is claimed, and when it is back its word is amended.

    containerd hears of nearly every kill in a cgroup that stays: of several there is one.
    """
    names = [f"afterlife-{number}" for number in range(TRIES)]
    name = next((name for name in names if outlived(pods, asking, name)), "")
    assert name, f"the runtime heard of none of {TRIES} kills: nothing is proven"
    until(lambda: asking.metric(METRIC, kind="reported-without-death") == 1, 60, "it is counted")
    said = asking.disagreement(name)
    assert said.runtime_says == "OOMKilled, exit code 0"
    assert said.kernel_says == "OOM-killed 1 process of it, not its init"
    assert list(said.incident_ids) == [asking.incident(name).id]

    init_over_limit(pods, name="plain").fire()
    killed(asking, "plain")

    case = init_over_limit(pods, name="silent-end")
    with stopped(node):
        case.fire()
        incident = asking.closed("silent-end")
        assert incident.outcome == OUTCOME_DIED
        assert "exit code" not in incident.runtime_says
        assert incident.disagreement == DISAGREEMENT_UNSPECIFIED
    killed(asking, "silent-end")


def killed(asking: Asking, pod: str) -> None:
    """Its init died of SIGKILL, as the kernel or the runtime writes it; whether they disagree
    follows from what the runtime says.
    """
    incident = ended(asking, pod)
    assert incident.outcome == OUTCOME_DIED
    assert "exit code 137" in incident.runtime_says
    end = incident.container_exit
    assert end.signal == 9 if end.HasField("signal") else end.exit_code == 137
    assert end.time.seconds >= incident.time.seconds - 1

    def agrees() -> bool:
        incident = asking.incident(pod)
        reported = incident.runtime_says.startswith("OOMKilled")
        expected = DISAGREEMENT_UNSPECIFIED if reported else DISAGREEMENT_KILL_NOT_REPORTED
        return incident.disagreement == expected

    until(agrees, 60, f"the judgement of {pod}")
