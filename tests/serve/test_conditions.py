"""ListConditions, the counts, and the series of conditions."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.api.v1 import condition_pb2
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.catalogue import CATALOGUE
from agent.model.condition import Entity, EntityKind, Finding, Severity, Verity
from agent.model.oom import Container
from agent.serve.conditions import answer, counts, of_node, of_pods, series, severities
from agent.serve.messages import MESSAGE_BYTES, InvalidRequestError
from agent.state.conditions import Conditions, Round
from tests.serve.condition_sample import WHO, hidden, judged
from tests.serve.turns import turns_during

TRUE, FALSE = condition_pb2.CONDITION_STATUS_TRUE, condition_pb2.CONDITION_STATUS_FALSE


async def test_true_and_unknown_by_default() -> None:
    """False ones only with `all`, or when they are asked for."""
    conditions = judged(hidden())
    [shown] = (await answer(pb.ListConditionsRequest(), conditions)).conditions
    assert (shown.type, shown.status, shown.entity.names.pod) == ("HiddenOOMKill", TRUE, "web-0")
    every = (await answer(pb.ListConditionsRequest(all=True), conditions)).conditions
    assert {each.status for each in every} == {TRUE, FALSE}
    asked = (await answer(pb.ListConditionsRequest(statuses=[FALSE]), conditions)).conditions
    assert len(asked) == len(every) - 1


async def test_filters() -> None:
    conditions = judged(hidden())
    request = pb.ListConditionsRequest(
        types=["HiddenOOMKill"],
        severities=[condition_pb2.SEVERITY_CRITICAL],
        namespace="shop",
        pod="uid-1",
    )
    assert len((await answer(request, conditions)).conditions) == 1
    request.pod = "web-1"
    assert not (await answer(request, conditions)).conditions


@pytest.mark.parametrize("field", ["statuses", "severities"])
async def test_what_is_not_known_is_refused(field: str) -> None:
    request = pb.ListConditionsRequest()
    getattr(request, field).append(9)
    with pytest.raises(InvalidRequestError, match="9 is not known"):
        await answer(request, judged())


async def test_types() -> None:
    """In whatever case they are written; one of no catalogue is not answered with nothing."""
    request = pb.ListConditionsRequest(types=["hiddenoomkill"])
    assert len((await answer(request, judged(hidden()))).conditions) == 1
    request.types.append("HiddenOOMKil")
    with pytest.raises(InvalidRequestError, match="'HiddenOOMKil' is not in"):
        await answer(request, judged(hidden()))


async def test_no_answer_is_too_large() -> None:
    """A list that does not fit is cut and says so."""
    conditions = Conditions(CATALOGUE, max_conditions=10_000)
    findings = [
        replace(
            hidden(),
            entity=Entity(kind=EntityKind.CONTAINER, id=f"c{number}", names=WHO),
            message="x" * 4000,
        )
        for number in range(1000)
    ]
    conditions.judge(Round(now_boottime_ns=1, now_wall_ns=1, findings=findings))
    found = await answer(pb.ListConditionsRequest(), conditions)
    assert found.truncated
    assert MESSAGE_BYTES / 2 < found.ByteSize() <= MESSAGE_BYTES + 100


async def test_a_long_list_lets_others_run() -> None:
    """While it is encoded, the event loop serves others."""
    conditions = Conditions(CATALOGUE, max_conditions=10_000)
    who = [Entity(kind=EntityKind.CONTAINER, id=f"c{number}", names=WHO) for number in range(500)]
    findings = [replace(hidden(), entity=each) for each in who]
    conditions.judge(Round(now_boottime_ns=1, now_wall_ns=1, findings=findings))
    assert await turns_during(answer(pb.ListConditionsRequest(), conditions)) == 5


def test_counts() -> None:
    found = counts(judged(hidden()))
    assert (found.critical, found.warning, found.info, found.unknown) == (1, 0, 0, 0)


def test_roll_up() -> None:
    """One 1 among three for each condition of the catalogue; blind is unknown at once."""
    samples = dict(of_node(series(judged(hidden(), blind={"RuntimeDisagrees": "cri is down"}))))
    assert len(samples) == 3 * len(CATALOGUE)
    assert sum(samples.values()) == len(CATALOGUE)
    assert samples["HiddenOOMKill", "true"] == 1
    assert samples["RuntimeDisagrees", "unknown"] == 1
    assert samples["EvictionImminent", "false"] == 1


def test_pods() -> None:
    """Two containers of one name (a restart) are one series; what has no name has its UID."""
    second = replace(WHO, id="5e" * 32)
    nameless = Container(pod_uid="uid-2", id="6d" * 32, names_from="cgroup")
    nobody = Finding(
        type="HiddenOOMKill",
        entity=Entity(kind=EntityKind.CONTAINER, id="7c" * 32),
        reason="So",
        message="so",
    )
    found = dict(of_pods(series(judged(hidden(), hidden(second), hidden(nameless), nobody))))
    assert found == {
        ("shop", "web-0", "app", "HiddenOOMKill", "critical"): 1,
        ("", "uid-2", "", "HiddenOOMKill", "critical"): 1,
        ("", "7c" * 32, "", "HiddenOOMKill", "critical"): 1,
    }


def test_pods_by_the_severity_that_was_found() -> None:
    """Alerts must not page for what the detector calls information."""
    mild = replace(hidden(), severity=Severity.INFO)
    assert dict(of_pods(series(judged(mild)))) == {
        ("shop", "web-0", "app", "HiddenOOMKill", "info"): 1
    }


def test_the_worst_severity_that_was_found() -> None:
    """One series for each condition that is True, over all of its entities."""
    mild = replace(hidden(), severity=Severity.WARNING)
    assert dict(severities(series(judged(mild)))) == {("HiddenOOMKill", "warning"): 1}
    worse = hidden(replace(WHO, id="5e" * 32))
    for findings in ((mild, worse), (worse, mild)):
        found = dict(severities(series(judged(*findings))))
        assert found == {("HiddenOOMKill", "critical"): 1}


def test_false_has_no_severity_and_no_pod_series() -> None:
    assert not dict(of_pods(series(judged())))
    assert not dict(severities(series(judged(blind={"RuntimeDisagrees": "cri is down"}))))
    assert {status for (_, status), value in of_node(series(judged())) if value} == {
        Verity.FALSE.value
    }
