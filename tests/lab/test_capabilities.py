"""Without one capability alone: the agent starts, says what it misses, and of its sources those do
not see that docs/install.md names; all others do.
"""

import re

import pytest

from agent.api.v1.status_pb2 import Source
from agent.host.capabilities import CAPABILITIES
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until

SEES_SECONDS = 60.0
NOT_IN_THE_LAB = {"connections", "kubelet", "healthz", "filesystems"}
OF_PODS = {"bundle"}  # there is none
_NETWORKS = {"netlink", "links", "fabric"}
# Whole sources. What is lost of an answer (stacks, the NAT of nftables) is not looked at here.
LOST = {
    "DAC_READ_SEARCH": set[str](),
    "NET_ADMIN": {"connector"},
    "SYS_PTRACE": {"namespaces", *_NETWORKS},
    "SYS_ADMIN": {"trace", "probe", "recorder", "signals", "cni", "dials", *_NETWORKS},
    "SYS_RESOURCE": set[str](),
}


@pytest.mark.parametrize("name", LOST)
def test_without(name: str, agent: AgentProcess) -> None:
    """All others see, and what is lost is named as such."""
    agent.start(without=(name.lower(),))
    asking = Asking(agent)
    (capability,) = [each for each in CAPABILITIES if each.name == name]
    assert f"no CAP_{name}; without it: {capability.without}" in agent.log()
    assert "no CAP_" not in agent.log().replace(f"no CAP_{name};", "")

    def unseeing() -> dict[str, str]:
        return {s.name: s.detail for s in asking.status().sources if s.state != Source.STATE_UP}

    def lost() -> bool:
        return unseeing().keys() - NOT_IN_THE_LAB - OF_PODS == LOST[name]

    for source in LOST[name]:
        assert re.search(rf"\b{source}\b", capability.without), source
    until(lost, SEES_SECONDS, "only those see", lambda: str(unseeing()))
