"""What the agent must tell of a fault, held against what the kernel says of it."""

from agent.api.v1.oom_pb2 import WITNESS_KMSG, WITNESS_TRACE, WITNESS_VMSTAT, OOMBooks, OOMIncident
from tests.lab.asking import Asking
from tests.lab.scenarios.case import Case
from tests.lab.truth import Books


def fire(case: Case, asking: Asking) -> tuple[Books, OOMBooks]:
    """Let it happen, and hold the agent's books against the kernel's."""
    before = asking.settled()
    kernel = case.fire()
    assert case.before is not None
    return kernel, asking.balanced(before, case.before, kernel)


def assert_story(incident: OOMIncident, case: Case, kernel: Books) -> None:
    """What every incident in a container must tell: who, where, at whose limit, seen by whom."""
    expected = case.expected
    container = case.the_container
    assert {victim.pid for victim in incident.victims} == kernel.victims
    assert {victim.cgroup for victim in incident.victims} == {expected.victim_group.path}
    assert incident.limit_cgroup == expected.limit_group.path
    assert incident.limit_bytes == expected.limit_bytes
    assert incident.constraint == "CONSTRAINT_MEMCG"
    assert incident.trigger_comm == "work"
    assert incident.container.namespace == "default"
    assert incident.container.pod == container.pod.name
    assert incident.container.pod_uid == container.pod.uid
    assert incident.container.name == container.name
    assert incident.container.id == container.id
    assert incident.group_kill is (len(kernel.kills) > 1)
    assert incident.counted == kernel.counted
    assert not incident.drill
    assert not incident.unattributed
    for victim in incident.victims:
        assert {WITNESS_VMSTAT, WITNESS_KMSG, WITNESS_TRACE} <= set(victim.witnesses)
        assert victim.comm == "work"
        assert victim.page_tables_bytes > 0
