"""The systemd driver: slices and scopes, a runtime that disagrees with the kubelet, wrong reasons.

Containers are scopes there, which systemd removes within milliseconds of the last process' end.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.api.v1.exits_pb2 import VERDICT_KILLED_BY_OOMD
from agent.api.v1.oom_pb2 import (
    DISAGREEMENT_KILL_NOT_REPORTED,
    DISAGREEMENT_UNSPECIFIED,
    LIMIT_LEVEL_CONTAINER,
    LIMIT_LEVEL_POD,
    OUTCOME_DIED,
    OUTCOME_SURVIVED,
    TRUTH_NO,
    TRUTH_YES,
    OOMIncident,
)
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.machines import SYSTEMD, Driver
from tests.lab.pods import Container
from tests.lab.scenarios.at_start import PARALLEL, over_limit_at_start
from tests.lab.scenarios.container_limit import (
    child_over_limit,
    group_over_limit,
    init_over_limit,
)
from tests.lab.scenarios.pod_limit import pod_over_limit
from tests.lab.stories import assert_story, fire
from tests.lab.truth import books_since, mark, oom_kill

BATCH, BATCHES = 8, 6
DISAGREEMENTS = "nodewitness_runtime_disagreements_total"

pytestmark = pytest.mark.machine(SYSTEMD)


def container_is_a_scope_in_the_pods_slice(pods: Pods) -> None:
    """The names that kubelet and runtime give, and the pod's limit, which systemd has set."""
    pod = pods.create("made", memory_max=96 << 20)
    container = pod.container("main", ["/bin/work", "wait"], memory_max=64 << 20)
    container.wait_ready()
    uid = pod.uid.replace("-", "_")
    assert container.group.path == (
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice"
        f"/cri-containerd-{container.id}.scope"
    )
    assert container.group.pids() == (container.init_pid(),)
    assert container.group.read("memory.oom.group") == "1\n"
    assert container.group.read("memory.max") == f"{64 << 20}\n"
    assert pod.group.read("memory.max") == f"{96 << 20}\n"
    pods.remove_all()
    assert not pod.group.exists()


def test_stories(pods: Pods, asking: Asking) -> None:
    """Each kill is told as under cgroupfs; at last the runtime's driver is not the kubelet's."""
    container_is_a_scope_in_the_pods_slice(pods)
    hidden_kill_of_a_child(pods, asking)
    group_kill(pods, asking)
    pod_limit(pods, asking)
    drivers_that_disagree(pods, asking)


def hidden_kill_of_a_child(pods: Pods, asking: Asking) -> None:
    """A child dies, the container lives on; the status names the driver."""
    case = child_over_limit(pods)
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("child-oom", "survived") == 1
    assert asking.status().host.cgroup_driver == "systemd"


def group_kill(pods: Pods, asking: Asking) -> None:
    """One incident with all processes of the scope, which is gone when anybody looks."""
    case = group_over_limit(pods)
    kernel, _ = fire(case, asking)
    assert len(kernel.victims) > 1
    incident = asking.closed("group-oom")
    assert_story(incident, case, kernel)
    assert incident.group_kill
    assert (incident.outcome, incident.hidden) == (OUTCOME_DIED, TRUTH_NO)
    assert asking.kills("group-oom", "died") == len(kernel.victims)


def drivers_that_disagree(pods: Pods, asking: Asking) -> None:
    """A cgroupfs runtime under this kubelet: outside kubepods, booked by name, and it is said."""
    case = child_over_limit(pods, name="split", runtime_driver=Driver.CGROUPFS)
    kernel, _ = fire(case, asking)
    incident = asking.closed("split")
    assert_story(incident, case, kernel)
    assert incident.limit_cgroup.startswith("/system.slice/kubepods-burstable-pod")
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("split", "survived") == 1
    assert asking.status().host.cgroup_driver == "mismatch"


def pod_limit(pods: Pods, asking: Asking) -> None:
    """The slice's limit fires, and the kill is booked on the container of the victim."""
    case = pod_over_limit(pods, child_only=True)
    kernel, _ = fire(case, asking)
    incident = asking.closed("pod-oom")
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_POD
    assert incident.container.name == "hog"
    assert asking.kills("pod-oom", "survived", "hog") == 1


def judged(found: OOMIncident) -> bool:
    """The runtime's last word is there, and the agent disagrees if, and only if, it is wrong."""
    fine = "OOMKilled" in found.runtime_says
    expected = DISAGREEMENT_UNSPECIFIED if fine else DISAGREEMENT_KILL_NOT_REPORTED
    return found.HasField("container_exit") and found.disagreement == expected


def test_killed_at_start(pods: Pods, asking: Asking, guest: Guest, figures: list[str]) -> None:
    """Of containers that are killed as they start, containerd calls some plain `Error`: each kill
    has its pod, and the agent disagrees with exactly those.

    Which ones it gets wrong is a race, which it loses in a third of them or more, and more often
    when they come one by one: in batches, until there is one. Without one nothing is proven.
    """
    killed, wrong = 0, 0
    for batch in range(BATCHES):
        before, since = asking.settled(), mark(guest)
        parallel = 1 if batch else PARALLEL
        containers = over_limit_at_start(pods, BATCH, name=f"start-{batch}", parallel=parallel)
        kernel = books_since(guest, since)
        assert len(kernel.victims) >= BATCH  # the kernel counted each
        asking.balanced(before, since, kernel)
        killed += len(containers)
        wrong += sum(called_an_error(container, asking) for container in containers)
        if wrong:
            break
    figures.append(
        f"killed by the kernel as they started (systemd driver): {killed} containers, each told"
        f" with its pod; containerd called {wrong} of them plain Error, 137"
    )
    assert wrong, f"containerd said OOMKilled of all {killed}: nothing is proven"


def called_an_error(container: Container, asking: Asking) -> bool:
    """Whether the runtime's last word on a container that the kernel has OOM-killed is plain
    `Error, 137`; the agent has the kill, and disagrees with that word alone.
    """
    status, pod = container.status(), container.pod.name
    assert status["exit_code"] == 137
    incident = asking.closed(pod)
    assert incident.container.id == container.id
    assert incident.container.name == "main"
    assert {victim.cgroup for victim in incident.victims} == {container.group.path}
    assert (incident.outcome, incident.hidden) == (OUTCOME_DIED, TRUTH_NO)
    told = asking.incident(pod, judged)
    # It may have changed its word since we asked.
    words = (status["reason"], container.status()["reason"])
    assert any(word in told.runtime_says for word in words)
    if "OOMKilled" in told.runtime_says:
        return False
    assert told.runtime_says == "Error, exit code 137"
    assert told.disagreement == DISAGREEMENT_KILL_NOT_REPORTED
    return True


def test_not_as_the_runtime_says(pods: Pods, asking: Asking, guest: Guest) -> None:
    """A kill that containerd cannot know of, and one that was not the kernel's."""
    scope_gone_before_the_shim_looks(pods, asking, guest)
    ended_by_systemd_oomd(pods, asking, guest)


def scope_gone_before_the_shim_looks(pods: Pods, asking: Asking, guest: Guest) -> None:
    """The race above, lost for certain: the shim is stopped until systemd has removed the scope.

    containerd cannot know of the kill then and says plain `Error, 137`; the agent disagrees.
    """
    case = init_over_limit(pods, name="late-shim")
    container = case.the_container
    before, init = asking.settled(), container.init_pid()
    shim = guest.run(f"ps -o ppid= -p {init}").out.strip()
    assert shim != "1"
    guest.run(f"kill -STOP {shim}")
    try:
        kernel = case.fire()
        until(lambda: not container.group.exists(), 120, "systemd removes the scope")
    finally:
        guest.run(f"kill -CONT {shim}")
    container.wait_exited()
    status = container.status()
    assert (status["reason"], status["exit_code"]) == ("Error", 137)
    told = asking.incident("late-shim", judged)
    assert told.disagreement == DISAGREEMENT_KILL_NOT_REPORTED
    assert told.runtime_says == "Error, exit code 137"
    assert {victim.pid for victim in told.victims} == kernel.victims == {init}
    said = asking.disagreement("late-shim")
    assert (said.kind, said.runtime_says) == (told.disagreement, told.runtime_says)
    assert list(said.incident_ids) == [told.id]
    until(
        lambda: asking.metric(DISAGREEMENTS, kind="kill-not-reported") == 1,
        120,
        "the disagreement is counted",
    )
    found = asking.condition("RuntimeDisagrees", "late-shim")
    assert (found.entity.id, found.reason) == (container.id, "KillNotReported")
    assert found.message.startswith("the runtime says Error, exit code 137; ")
    assert case.before is not None
    asking.balanced(before, case.before, kernel)


@contextmanager
def oomd(guest: Guest, slice_unit: str) -> Iterator[None]:
    """systemd-oomd, which kills in a slice whose tasks stall for memory."""
    guest.run(
        "cd /run/systemd && mkdir -p oomd.conf.d\n"
        "printf '[OOM]\\nDefaultMemoryPressureDurationSec=1s\\n' > oomd.conf.d/soon.conf\n"
        "systemctl start systemd-oomd.service\n"
        f"systemctl set-property --runtime {slice_unit}"
        " ManagedOOMMemoryPressure=kill ManagedOOMMemoryPressureLimit=1%"
    )
    try:
        yield
    finally:
        print(guest.run("oomctl; systemctl stop systemd-oomd.service", check=False).out)


def ended_by_systemd_oomd(pods: Pods, asking: Asking, guest: Guest) -> None:
    """A daemon of the node that kills before the kernel does is named, and the kernel counted
    nothing. It wants reclaim that goes on (pgscan), which without swap only files give.
    """
    pod = pods.create("squeezed")
    container = pod.container(
        "main",
        ["/bin/sh", "-c", "work wait exit 0; while :; do cat /host/*/* > /dev/null 2>&1; done"],
        memory_max=64 << 20,
        unified={"memory.high": str(16 << 20)},
        mounts=[{"host_path": "/usr", "container_path": "/host", "readonly": True}],
    )
    container.wait_ready()
    since = mark(guest)
    with oomd(guest, pod.group.path.rpartition("/")[2]):
        container.group.go()
        death = asking.exit("squeezed")
    assert (death.verdict, death.signal) == (VERDICT_KILLED_BY_OOMD, 9)
    assert (death.sender.comm, death.sender.unit) == ("systemd-oomd", "systemd-oomd.service")
    assert not death.incident_ids
    assert oom_kill(guest) == since.oom_kill
