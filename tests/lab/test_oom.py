"""OOM kills on a real kernel, told by the real agent: scenarios a to j, through gRPC and /metrics.

In each the books balance: the kernel's count = victims + repeats, nothing unattributed.
"""

import json
import signal
import statistics
from collections.abc import Iterator

from agent.api.v1.event_pb2 import Event, ResumeToken
from agent.api.v1.oom_pb2 import (
    ATTRIBUTION_PROC,
    LIMIT_LEVEL_CONTAINER,
    LIMIT_LEVEL_NESTED,
    LIMIT_LEVEL_POD,
    LIMIT_LEVEL_SYSTEM,
    OUTCOME_DIED,
    OUTCOME_SURVIVED,
    TRUTH_NO,
    TRUTH_YES,
    WITNESS_MEMORY_EVENTS,
)
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking, incident_of
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios.container_limit import (
    child_over_limit,
    group_over_limit,
    init_over_limit,
)
from tests.lab.scenarios.forgery import forge_story
from tests.lab.scenarios.outside import nested_over_limit, service_over_limit
from tests.lab.scenarios.pod_limit import pod_over_limit
from tests.lab.scenarios.runtime import stopped
from tests.lab.scenarios.vanishing import deleted_at_kill
from tests.lab.stories import assert_story, fire
from tests.lab.truth import mark


def test_a_b_c_containers_limit(pods: Pods, asking: Asking, guest: Guest) -> None:
    """A container's own limit, three ways, beside (g.) a container that user space tells lies of:
    a whole kill is written into the kernel's log, is not believed, and counted as such.
    """
    container = pods.create("framed").container("main", ["/bin/work", "sleep"])
    before = asking.settled()
    lines = forge_story(guest, container)
    until(
        lambda: asking.books().disbelieved - before.disbelieved >= len(lines),
        120,
        "the forged lines are counted as disbelieved",
    )
    assert not asking.incidents(pod="framed")
    init_dies(pods, asking)
    hidden_kill_of_a_child(pods, asking)
    group_kill(pods, asking)
    assert not asking.incidents(pod="framed")
    assert asking.kills("framed", "died") == 0


def init_dies(pods: Pods, asking: Asking) -> None:
    """a. The init dies of its own limit: died, not hidden, and the counter was there at zero."""
    case = init_over_limit(pods)
    assert asking.kills("init-oom", "died") == 0
    kernel, _ = fire(case, asking)
    incident = asking.closed("init-oom")
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert (incident.outcome, incident.hidden) == (OUTCOME_DIED, TRUTH_NO)
    (victim,) = incident.victims
    assert victim.container_init == TRUTH_YES
    assert victim.anon_rss_bytes > case.expected.limit_bytes // 2
    assert victim.oom_score_adj == 900
    until(lambda: asking.kills("init-oom", "died") == 1, 120, "the counter rises")
    # Asked at first while the runtime may not have heard of the exit, then until its word is final.
    asking.incident("init-oom", lambda found: "137" in found.runtime_says)


def hidden_kill_of_a_child(pods: Pods, asking: Asking) -> None:
    """b. Group kill off, a child dies, the container lives on: the hidden kill."""
    case = child_over_limit(pods)
    assert asking.kills("child-oom", "survived") == 0
    kernel, _ = fire(case, asking)
    incident = asking.closed("child-oom")
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_CONTAINER
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    (victim,) = incident.victims
    assert victim.container_init == TRUTH_NO
    # Only /proc tells it, and a child that its parent reaps at once can be gone before the look.
    assert victim.namespace_pid != 1
    if victim.attribution == ATTRIBUTION_PROC:
        assert victim.namespace_pid > 1
    assert WITNESS_MEMORY_EVENTS in victim.witnesses
    assert asking.kills("child-oom", "survived") == 1
    assert [found.id for found in asking.incidents(hidden=True)] == [incident.id]
    assert case.the_container.status()["state"] == "CONTAINER_RUNNING"


def group_kill(pods: Pods, asking: Asking) -> None:
    """c. A group kill: one incident with all its processes; what 6.1 counts twice is a repeat."""
    case = group_over_limit(pods)
    kernel, _ = fire(case, asking)
    assert len(kernel.victims) > 1
    assert kernel.repeats > 0  # by Linux 6.1, of which this is to be a test
    incident = asking.closed("group-oom")
    assert_story(incident, case, kernel)
    assert incident.group_kill
    assert sum(victim.repeats for victim in incident.victims) == kernel.repeats
    assert (incident.outcome, incident.hidden) == (OUTCOME_DIED, TRUTH_NO)
    assert asking.kills("group-oom", "died") == len(kernel.victims)


def test_d_i_j_other_limits(pods: Pods, node: Node, asking: Asking) -> None:
    """The pod's limit, a unit's, one nested inside a container; and a pod that is gone at once."""
    for child_only in (False, True):
        pod_limit(pods, asking, child_only=child_only)
    system_daemon(node, asking)
    for by_container in (False, True):
        nested_cgroup(pods, asking, by_container=by_container)
    pod_deleted_at_the_moment_of_its_kill(pods, asking)


def pod_limit(pods: Pods, asking: Asking, *, child_only: bool) -> None:
    """d. The pod's limit fires, and the kill is booked on the container of the victim."""
    name = "pod-oom-child" if child_only else "pod-oom"
    case = pod_over_limit(pods, name=name, child_only=child_only)
    kernel, _ = fire(case, asking)
    incident = asking.closed(name)
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_POD
    assert incident.container.name == "hog"
    outcome = OUTCOME_SURVIVED if child_only else OUTCOME_DIED
    assert incident.outcome == outcome
    word = "survived" if child_only else "died"
    assert asking.kills(name, word, "hog") == len(kernel.victims)
    assert asking.kills(name, word, "idle") == 0


def system_daemon(node: Node, asking: Asking) -> None:
    """i. A victim outside kubepods is booked on its unit."""
    name = "nodewitness_oom_system_kills_total"
    case = service_over_limit(node, name="cron-i")
    kernel, _ = fire(case, asking)
    (incident,) = [found for found in asking.incidents() if found.unit == "cron-i.service"]
    assert {victim.pid for victim in incident.victims} == kernel.victims
    assert incident.limit_level == LIMIT_LEVEL_SYSTEM
    assert incident.limit_bytes == case.expected.limit_bytes
    assert not incident.HasField("container")
    until(lambda: asking.metric(name, unit="cron-i.service") == 1, 120, "the unit's counter")


def nested_cgroup(pods: Pods, asking: Asking, *, by_container: bool) -> None:
    """i. A victim in a cgroup nested inside a container: its limit, the container's name."""
    name = "nested-by-container" if by_container else "nested-oom"
    case = nested_over_limit(pods, name=name, by_container=by_container)
    kernel, _ = fire(case, asking)
    incident = asking.closed(name)
    assert_story(incident, case, kernel)
    assert incident.limit_level == LIMIT_LEVEL_NESTED
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)


def pod_deleted_at_the_moment_of_its_kill(pods: Pods, asking: Asking) -> None:
    """j. The pod's cgroups are gone before anybody can look: booked with its names all the same."""
    case = deleted_at_kill(pods)
    assert asking.kills("vanishing", "died") == 0
    kernel, _ = fire(case, asking)
    incident = asking.closed("vanishing")
    assert_story(incident, case, kernel)
    assert (incident.outcome, incident.hidden) == (OUTCOME_DIED, TRUTH_NO)
    assert asking.kills("vanishing", "died") == 1
    pods.remove_all()


def test_e_started_after_the_kills(pods: Pods, agent: AgentProcess, guest: Guest) -> None:
    """e. The agent starts when all is over: the kernel's log still tells, with the pods' names."""
    before = mark(guest)
    hidden = child_over_limit(pods, name="before-hidden")
    group = group_over_limit(pods, name="before-group")
    first, second = hidden.fire(), group.fire()
    agent.start()
    asking = Asking(agent)
    books = until(asking.nothing_pending, 120, "nothing is pending")
    assert books.balanced
    assert books.counted == before.oom_kill + first.counted + second.counted
    # What the earlier tests' kills are called does not matter here; these are known, all of them.
    assert books.victims >= len(first.victims | second.victims)
    assert books.repeats >= first.repeats + second.repeats
    incident = asking.closed("before-hidden")
    assert {victim.pid for victim in incident.victims} == first.victims
    assert not incident.unattributed
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    incident = asking.closed("before-group")
    assert {victim.pid for victim in incident.victims} == second.victims
    assert not incident.unattributed
    assert sum(victim.repeats for victim in incident.victims) == second.repeats
    assert asking.kills("before-hidden", "survived") == 1
    assert asking.kills("before-group", "died") == len(second.victims)


def test_f_killed_between_kills(pods: Pods, agent: AgentProcess, asking: Asking) -> None:
    """f. SIGKILL and restart between kills: nothing lost, nothing double, subscribers resume. And
    the moment the kernel has counted: the half-told story is told to its end, once.
    """
    cases = [child_over_limit(pods, name=f"crash-{number}") for number in range(3)]
    start = asking.settled()
    with_token = asking.watch()
    fire(cases[0], asking)
    asking.closed("crash-0")
    token = _token_after(with_token, "crash-0")

    agent.stop(signal.SIGKILL)
    unseen = cases[1].fire()
    agent.start()
    kernel, books = fire(cases[2], asking)

    assert books.victims - start.victims == 3
    assert books.unattributed == start.unattributed
    for number in range(3):
        incident = asking.closed(f"crash-{number}")
        assert asking.kills(f"crash-{number}", "survived") == 1
        assert incident.outcome == OUTCOME_SURVIVED
    assert {victim.pid for victim in asking.closed("crash-1").victims} == unseen.victims
    assert {victim.pid for victim in asking.closed("crash-2").victims} == kernel.victims
    ids = [asking.closed(f"crash-{number}").id for number in (1, 2)]
    assert _recorded(asking, token, ids[-1]) == ids

    case = child_over_limit(pods, name="half-told")
    before = asking.settled()
    kernel = case.fire()
    agent.stop(signal.SIGKILL)
    agent.start()
    assert case.before is not None
    asking.balanced(before, case.before, kernel)
    incident = asking.closed("half-told")
    assert {victim.pid for victim in incident.victims} == kernel.victims
    assert (incident.outcome, incident.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("half-told", "survived") == 1


def test_h_containerd_stopped_all_along(pods: Pods, node: Node, agent: AgentProcess) -> None:
    """h. containerd is stopped before the agent starts: kills are booked with the pods' names."""
    cases = [
        child_over_limit(pods, name="silent-child"),
        group_over_limit(pods, name="silent-group"),
    ]
    with stopped(node):
        agent.start()
        asking = Asking(agent)
        for case in cases:
            kernel, _ = fire(case, asking)
            name = case.the_container.pod.name
            incident = asking.closed(name)
            assert_story(incident, case, kernel)
            assert incident.container.names_from == "bundle"
        assert asking.kills("silent-child", "survived") == 1
        sources = {source.name: source for source in asking.status().sources}
        assert "does not answer" in sources["cri"].detail


def idle_costs(asking: Asking, guest: Guest, figures: list[str]) -> None:
    """Resident memory and CPU over 20 s, in the guest."""
    first = asking.status()
    guest.run(["sleep", "20"])  # what is measured is 20 s of nothing
    last = asking.status()
    seconds = last.identity.uptime.ToTimedelta() - first.identity.uptime.ToTimedelta()
    share = (last.self.cpu.ToTimedelta() - first.self.cpu.ToTimedelta()) / seconds
    resident = last.self.resident_bytes / (1 << 20)
    figures.append(f"idle agent: {resident:.1f} MiB resident, {share:.1%} of a core over 20 s")
    assert 0 < last.self.resident_bytes < last.host.memory_bytes


def test_drill_in_the_guest(asking: Asking, guest: Guest, figures: list[str]) -> None:
    """`nodectl drill oom` sees its kill at every hop, leaves no cgroup, and pages nobody.

    Prints what the idle agent costs before, and the time from kill to subscriber.
    """
    idle_costs(asking, guest, figures)
    before = asking.settled()
    system = asking.metric("nodewitness_oom_incidents_total", limit="system")
    latencies = []
    for number in range(1, 6):
        done = guest.run(["nodectl", "-o", "json", "drill", "oom"], seconds=120)
        hops = {hop["name"]: hop for hop in json.loads(done.out)["hops"]}
        latencies.append(hops["stream"]["latency_ns"] / 1e6)
        assert asking.metric("nodewitness_oom_drill_kills_total") == number
    listed = guest.run("ls -d /sys/fs/cgroup/nodewitness-drill-* || true").out
    assert not listed
    after = asking.books()
    assert after.drill_victims - before.drill_victims == len(latencies)
    assert after.unattributed == before.unattributed
    assert sum(incident.drill for incident in asking.incidents()) == len(latencies)
    assert asking.metric("nodewitness_oom_incidents_total", limit="system") == system
    median = statistics.median(latencies)
    figures.append(
        f"last allocation before the kill to a gRPC subscriber, {len(latencies)} drills:"
        f" median {median:.1f} ms, worst {max(latencies):.1f} ms"
    )


def _events(asking: Asking, token: ResumeToken | None) -> Iterator[Event]:
    for message in asking.watch(token):
        assert not message.HasField("gap"), message.gap
        yield from message.events


def _token_after(messages: object, pod: str) -> ResumeToken:
    """Where a subscriber stands that has just read the last revision of this pod's incident."""
    for message in messages:  # type: ignore[attr-defined]
        for event in message.events:
            incident = incident_of(event)
            if incident is not None and incident.container.pod == pod and incident.outcome:
                messages.cancel()  # type: ignore[attr-defined]
                return ResumeToken(stream_id=event.stream_id, sequence=event.sequence)
    raise AssertionError(f"the stream ended before the incident of {pod} was closed")


def _recorded(asking: Asking, token: ResumeToken, last: str) -> list[str]:
    """The ids of the incidents that are recorded after the token, up to this one."""
    ids = []
    for event in _events(asking, token):
        if event.WhichOneof("kind") == "oom_recorded":
            ids.append(event.oom_recorded.id)
            if ids[-1] == last:
                return ids
    raise AssertionError("the stream ended")
