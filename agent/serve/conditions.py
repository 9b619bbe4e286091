"""ListConditions, the counts in GetStatus, and the metric families of conditions."""

from __future__ import annotations

from typing import TypeVar

from agent.api.condition import SEVERITY, VERITY, condition_to_wire
from agent.api.v1 import condition_pb2
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.catalogue import find
from agent.model.condition import EntityKind, Severity, Verity
from agent.serve.messages import InvalidRequestError, that_fit
from agent.serve.row import Samples, gauge, one
from agent.serve.scrape import ConditionSeries
from agent.state.conditions import Conditions

MAX_POD_SERIES = 1000
"""Conditions of pods in one scrape; the worst come first."""

T = TypeVar("T")


async def answer(
    request: pb.ListConditionsRequest, conditions: Conditions
) -> pb.ListConditionsResponse:
    """ListConditions' answer; raises InvalidRequestError."""
    statuses = {_known(VERITY.known(number), "status", number) for number in request.statuses}
    severities = {
        _known(SEVERITY.known(number), "severity", number) for number in request.severities
    }
    types = [_type(name) for name in request.types]
    if not statuses:
        statuses = set(Verity) if request.all else {Verity.TRUE, Verity.UNKNOWN}
    found = conditions.select(
        statuses=statuses,
        types=types,
        severities=severities,
        namespace=request.namespace,
        pod=request.pod,
    )
    left_out = conditions.left_out
    fitting, cut = await that_fit(map(condition_to_wire, found))
    return pb.ListConditionsResponse(conditions=fitting, truncated=cut, left_out=left_out)


def _known(member: T | None, what: str, number: int) -> T:
    if member is None:
        raise InvalidRequestError(f"{what} {number} is not known to this version of the agent")
    return member


def _type(name: str) -> str:
    kind = find(name)
    if kind is None:  # an empty list would read as "nothing is wrong"
        raise InvalidRequestError(f"condition {name!r} is not in this version's catalogue")
    return kind.name


def counts(conditions: Conditions) -> condition_pb2.ConditionCounts:
    """How many are True, by severity, and how many Unknown."""
    found = conditions.select()
    true = [c.severity for c in found if c.status is Verity.TRUE]
    return condition_pb2.ConditionCounts(
        critical=true.count(Severity.CRITICAL),
        warning=true.count(Severity.WARNING),
        info=true.count(Severity.INFO),
        unknown=len(found) - len(true),
    )


def series(conditions: Conditions) -> ConditionSeries:
    """As of now."""
    true = conditions.select(statuses=(Verity.TRUE,))
    of_pods = [c for c in true if c.entity.kind in (EntityKind.POD, EntityKind.CONTAINER)]
    worst: dict[str, Severity] = {}
    for condition in true:  # the worst come first
        worst.setdefault(condition.type, condition.severity)
    return ConditionSeries(
        roll_up=conditions.roll_up(),
        worst=worst,
        of_pods=tuple(of_pods[:MAX_POD_SERIES]),
        left_out=conditions.left_out + max(0, len(of_pods) - MAX_POD_SERIES),
    )


def of_node(now: ConditionSeries) -> Samples:
    """Each type of the catalogue over all its entities, one 1 among three."""
    for name, verity in now.roll_up.items():
        for status in Verity:
            yield (name, status.value), status is verity


def severities(now: ConditionSeries) -> Samples:
    """1 while True, with the worst that was found, which may be less than the catalogue's."""
    for name, severity in now.worst.items():
        yield (name, severity.value), 1.0


def of_pods(now: ConditionSeries) -> Samples:
    """1 while True, with the severity that was found, which may be less than the catalogue's. A pod
    that is known by its UID alone has that in place of its name.
    """
    found = {}
    for condition in now.of_pods:
        who = condition.entity.names
        names = ("", condition.entity.id, "")
        if who is not None:
            names = (who.namespace, who.pod or who.pod_uid, who.name)
        found[(*names, condition.type, condition.severity.value)] = 1.0
    return found.items()


ROWS = (
    gauge(
        "condition",
        "Conditions of the catalogue, each over all that it can be about: 1 for the status that it "
        "has. True is bad.",
        lambda s: of_node(s.conditions),
        labels=("condition", "status"),
    ),
    gauge(
        "condition_severity",
        "The worst severity found of a condition, over all that it can be about; 1 while True, "
        "else absent.",
        lambda s: severities(s.conditions),
        labels=("condition", "severity"),
    ),
    gauge(
        "pod_condition",
        "Conditions of pods and containers; 1 while True, else absent.",
        lambda s: of_pods(s.conditions),
        labels=("namespace", "pod", "container", "condition", "severity"),
    ),
    gauge(
        "conditions_left_out",
        "Findings without room among the conditions (conditions.max) or in this scrape.",
        lambda s: one(s.conditions.left_out),
    ),
)
