"""OOM kills off the beaten track: above every pod, before a container is one, beside its init."""

from agent.api.v1.exits_pb2 import VERDICT_KILLED_BY_PROCESS
from agent.api.v1.oom_pb2 import (
    DISAGREEMENT_REPORTED_WITHOUT_DEATH,
    LIMIT_LEVEL_CONTAINER,
    LIMIT_LEVEL_KUBEPODS,
    OUTCOME_DIED,
    OUTCOME_SURVIVED,
    TRUTH_NO,
    TRUTH_YES,
)
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.scenarios.above_pods import kubepods_over_limit
from tests.lab.scenarios.container_limit import (
    child_over_limit_then_exit,
    exec_over_limit,
    too_small_to_start,
)
from tests.lab.stories import assert_story, fire

DISAGREEMENTS = "nodewitness_runtime_disagreements_total"


def test_off_the_beaten_track(pods: Pods, asking: Asking, guest: Guest) -> None:
    """Each kill is told for what it was, by one agent."""
    limit_too_small_for_runc(pods, asking)
    exec_process_killed(pods, asking)
    child_killed_then_init_exits_with_0(pods, asking, guest)
    kubepods_limit(pods, asking)


def kubepods_limit(pods: Pods, asking: Asking) -> None:
    """The limit of all pods fires: said so, and the kill is booked on the victim's container."""
    case = kubepods_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("kubepods-oom")
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_KUBEPODS
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("kubepods-oom", "survived") == 1


def limit_too_small_for_runc(pods: Pods, asking: Asking) -> None:
    """runc's init is killed before it is the container's: booked on the container, by name."""
    case = too_small_to_start(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("tiny")
    container = case.the_container
    assert {victim.pid for victim in incident.victims} == kernel.victims
    assert {victim.cgroup for victim in incident.victims} == {container.group.path}
    assert all(victim.comm.startswith("runc") for victim in incident.victims)
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert incident.limit_cgroup == container.group.path
    assert (incident.container.id, incident.container.name) == (container.id, container.name)
    assert incident.container.pod_uid == container.pod.uid
    assert (incident.outcome, incident.hidden) == (OUTCOME_DIED, TRUTH_NO)


def child_killed_then_init_exits_with_0(pods: Pods, asking: Asking, guest: Guest) -> None:
    """Both facts are shown: the hidden kill, and a container that ended well "OOMKilled"."""
    case = child_over_limit_then_exit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("late-exit")
    assert_story(incident, case, kernel)
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    until(
        lambda: case.the_container.status().get("reason") == "OOMKilled",
        120,
        "the runtime has heard of the kill",
    )
    # Its init alone: the shell's `sleep` comes and goes.
    guest.run(["kill", "-TERM", str(case.the_container.init_pid())])
    status = case.the_container.wait_exited()
    assert (status.get("exit_code", 0), status["reason"]) == (0, "OOMKilled")
    later = asking.incident("late-exit", lambda found: found.disagreement != 0)
    assert later.id == incident.id
    assert (later.outcome, later.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert later.disagreement == DISAGREEMENT_REPORTED_WITHOUT_DEATH
    assert "OOMKilled" in later.runtime_says
    assert (later.container_exit.HasField("exit_code"), later.container_exit.exit_code) == (True, 0)
    said = asking.disagreement("late-exit")
    assert said.runtime_says == "OOMKilled, exit code 0"
    assert said.kernel_says == "OOM-killed 1 process of it, not its init"
    assert list(said.incident_ids) == [later.id]
    assert later.id in [each.id for each in asking.incidents(disagreements=True)]
    assert asking.metric(DISAGREEMENTS, kind="reported-without-death") >= 1
    death = asking.exit("late-exit", lambda found: found.disagreement != 0)
    assert (death.verdict, death.exit_code) == (VERDICT_KILLED_BY_PROCESS, 0)
    assert list(death.incident_ids) == [later.id]


def exec_process_killed(pods: Pods, asking: Asking) -> None:
    """A probe's process dies: booked on the container, whose init never noticed."""
    case = exec_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("exec-oom")
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    (victim,) = incident.victims
    assert victim.container_init == TRUTH_NO
    assert case.the_container.status()["state"] == "CONTAINER_RUNNING"
