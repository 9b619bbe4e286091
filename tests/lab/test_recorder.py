"""The flight recorder alone: nobody looks while they are killed, the log's headers are exhausted,
and the cgroups are gone before anybody looks. The probe is off; on kernels without kprobes it is so
always.
"""

import signal

from agent.api.v1.oom_pb2 import (
    ATTRIBUTION_KMSG_HEADER,
    ATTRIBUTION_RECORDER,
    OOMBooks,
    Victim,
)
from agent.api.v1.status_pb2 import Source
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import SETTLE_SECONDS, Asking
from tests.lab.deadline import until
from tests.lab.kubelet import Pods
from tests.lab.scenarios.storm import LeafKill, Storm
from tests.lab.truth import Mark, books_since, mark

SETTINGS = {"sources.probe": "false"}
KILLS = 60
EVERYTHING = 10_000


def told(asking: Asking, since: Mark) -> dict[int, Victim]:
    """The victims since then, by pid."""
    return {
        victim.pid: victim
        for incident in asking.incidents(limit=EVERYTHING)
        for victim in incident.victims
        if victim.kmsg_sequence > since.sequence
    }


def truth_of(leaves: tuple[LeafKill, ...]) -> dict[int, str]:
    return {pid: leaf.cgroup for leaf in leaves for pid in leaf.pids}


def unseen_storm(
    agent: AgentProcess, pods: Pods, how: signal.Signals, options: str
) -> tuple[OOMBooks, Mark, tuple[LeafKill, ...]]:
    """A storm while the agent is stopped (SIGSTOP), or dead and started again (SIGKILL)."""
    before = Asking(agent).settled()
    since = mark(agent.guest)
    pod = pods.create(f"storm-{how.name.lower()}-{options.partition(' ')[0]}")
    if how is signal.SIGSTOP:
        agent.process.signal(how)
    else:
        agent.stop(how)
    leaves = Storm(pod.group, kills=KILLS, parallel=2, options=options).finish()
    if how is signal.SIGSTOP:
        agent.process.signal(signal.SIGCONT)
    else:
        agent.start(SETTINGS)
    return before, since, leaves


def test_told_by_the_recorder(agent: AgentProcess, pods: Pods) -> None:
    """Two forks below the process that was moved in, in a cgroup that is gone: each its own, of an
    agent that was stopped meanwhile and of one that was dead. CLONE_INTO_CGROUP leaves no move:
    whoever forked it is not taken for its place.
    """
    agent.start(SETTINGS)
    born_in_its_cgroup(agent, pods)
    for how in (signal.SIGSTOP, signal.SIGKILL):
        moved_in(agent, pods, how)


def moved_in(agent: AgentProcess, pods: Pods, how: signal.Signals) -> None:
    before, since, leaves = unseen_storm(agent, pods, how, "deep 2")
    asking = Asking(agent)
    kernel = books_since(agent.guest, since)
    truth = truth_of(leaves)
    headed = {header.pid for header in kernel.headers}
    unheaded = truth.keys() - headed
    assert kernel.victims == truth.keys()
    assert unheaded  # the kernel prints 10 headers in 5 s

    def placed() -> dict[int, Victim] | None:
        victims = told(asking, since)
        recorder = {p for p, v in victims.items() if v.attribution == ATTRIBUTION_RECORDER}
        return victims if recorder >= unheaded else None

    victims = until(
        placed, SETTLE_SECONDS, "the recorder has told", lambda: str(told(asking, since))
    )
    assert {pid: victim.cgroup for pid, victim in victims.items()} == truth
    assert {victims[pid].attribution for pid in headed} <= {ATTRIBUTION_KMSG_HEADER}
    asking.balanced(before, since, kernel)
    (source,) = [found for found in asking.status().sources if found.name == "recorder"]
    assert (source.state, source.lost) == (Source.STATE_UP, 0)
    assert source.detail == "kills, forks and moves"
    assert asking.metric("nodewitness_recorder_window_seconds") > 0


def born_in_its_cgroup(agent: AgentProcess, pods: Pods) -> None:
    _, since, leaves = unseen_storm(agent, pods, signal.SIGSTOP, "clone")
    asking = Asking(agent)
    truth = truth_of(leaves)
    pod = leaves[0].cgroup.rpartition("/")[0]

    def settled() -> dict[int, Victim] | None:
        victims = told(asking, since)
        books = asking.nothing_pending()
        return victims if books is not None and victims.keys() == truth.keys() else None

    victims = until(settled, SETTLE_SECONDS, "the books are settled", lambda: str(asking.books()))
    for pid, victim in victims.items():
        assert victim.attribution != ATTRIBUTION_RECORDER, victim
        assert victim.cgroup in ("", pod, truth[pid])
