"""CNI calls: the answer to ListCNICalls, and their metric families."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.cni import CALL_STATE, call_to_wire, report_to_wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.cni import CallState, CNICall, CNIReport, NetworkState
from agent.serve.messages import MAX_LIMIT, InvalidRequestError, that_fit
from agent.serve.row import Samples, counter, gauge

DEFAULT_LIMIT = 100
RESULTS = (CallState.OK, CallState.FAILED, CallState.UNKNOWN)


async def answer(request: pb.ListCNICallsRequest, report: CNIReport) -> pb.ListCNICallsResponse:
    """As many as were asked for and fit into one message; raises InvalidRequestError."""
    limit = request.limit or DEFAULT_LIMIT
    if limit > MAX_LIMIT:
        raise InvalidRequestError(f"limit is {limit}: ask for at most {MAX_LIMIT}")
    states = {_state(number) for number in request.states}
    commands = set(request.commands)
    found = [
        call
        for call in report.calls
        if _of(call, request.namespace, request.pod)
        and (not commands or call.command in commands)
        and (not states or report.state(call) in states)
    ]
    calls, cut = await that_fit(call_to_wire(call, report) for call in found[:limit])
    return pb.ListCNICallsResponse(
        cni=report_to_wire(report, calls), truncated=cut or len(found) > limit
    )


def _state(number: int) -> CallState:
    known = CALL_STATE.known(number)
    if known is None:
        raise InvalidRequestError(f"state {number} is not one that this agent knows")
    return known


def _of(call: CNICall, namespace: str, pod: str) -> bool:
    names = call.pod
    if names is None:
        return not namespace and not pod
    return (not namespace or namespace == names.namespace) and (
        not pod or pod in (names.pod, names.pod_uid)
    )


def ended(report: CNIReport | None) -> Samples:
    """Calls by command and result, all three results of a command: of ADD and DEL from the start,
    for a counter that begins with 1 has no rate, and of any other that was seen.
    """
    for command, result, count, _ in _totals(report):
        yield (command, result.value), count


def seconds(report: CNIReport | None) -> Samples:
    """What they took together."""
    for command, result, _, took in _totals(report):
        yield (command, result.value), took


def running(report: CNIReport | None) -> Samples:
    """Calls in flight, delegates left out."""
    if report is not None:
        yield (), sum(call.delegated_by is None for call in report.running())


def oldest(report: CNIReport | None) -> Samples:
    """The age of the oldest of them; nothing while none runs."""
    found = [] if report is None else [c for c in report.running() if c.delegated_by is None]
    if report is not None and found:
        yield (), found[0].seconds(report.boottime_ns)


def missed(report: CNIReport | None) -> Samples:
    """Executions that were gone too soon."""
    if report is not None:
        yield (), report.books.missed


def network(report: CNIReport | None) -> Samples:
    """1 for the state that it has."""
    if report is not None:
        for state in NetworkState:
            yield (state.value,), report.health.state is state


def _totals(report: CNIReport | None) -> Iterator[tuple[str, CallState, int, float]]:
    totals = {} if report is None or report.totals is None else report.totals
    seen = () if report is None else ("ADD", "DEL", *(command for command, _ in totals))
    for command in dict.fromkeys(seen):
        for result in RESULTS:
            found = totals.get((command, result))
            yield (
                command,
                result,
                0 if found is None else found.count,
                0.0 if found is None else found.seconds,
            )


ROWS = (
    counter(
        "cni_calls",
        "Calls of CNI plugins that have ended, by command and result; delegates are left out.",
        lambda s: ended(s.cni),
        labels=("command", "result"),
    ),
    counter(
        "cni_call_seconds",
        "Time that those calls took together.",
        lambda s: seconds(s.cni),
        labels=("command", "result"),
    ),
    gauge(
        "cni_calls_running",
        "Calls of CNI plugins in flight; delegates are left out.",
        lambda s: running(s.cni),
    ),
    gauge(
        "cni_oldest_call_seconds",
        "Age of the oldest call in flight; absent while none is.",
        lambda s: oldest(s.cni),
    ),
    counter(
        "cni_calls_missed",
        "Executions of CNI plugins that had ended before they could be looked at.",
        lambda s: missed(s.cni),
    ),
    gauge(
        "cni_network",
        "How pods get their networks: 1 for the state that the node is in.",
        lambda s: network(s.cni),
        labels=("state",),
    ),
)
