"""What the detectors of the heartbeat's path have in common: what is wrong, in words."""

from __future__ import annotations

from collections.abc import Iterator

from agent.model.condition import Evidence
from agent.model.heartbeat import Calls, Destination, HeartbeatReport, Trouble, Watched

MAX_EVIDENCE = 8
"""Connections, and destinations."""


def dial(report: HeartbeatReport, destination: Destination) -> str:
    """ "dials 10.96.0.5:443 and nobody answers: for 42 s, 3 in SYN-SENT, 5 dials"."""
    failed = destination.failures
    told = [f"for {report.seconds(destination.first_boottime_ns):.0f} s"]
    if destination.dialling:
        told.append(f"{destination.dialling} in SYN-SENT")
    told.append("1 dial" if failed == 1 else f"{failed} dials")
    how = "which refuses" if destination.refuses else "and nobody answers"
    comma = "," if destination.refuses else ""
    return f"dials {destination.remote}{comma} {how}: {', '.join(told)}"


def stall(report: HeartbeatReport, watched: Watched) -> str:
    """ "10.0.0.1:6443 has acknowledged nothing for 42 s, 6 retransmits in a row"."""
    connection = watched.connection
    seconds = f"{report.seconds(watched.since_boottime_ns):.0f} s"
    match watched.trouble:
        case Trouble.WINDOW_CLOSED:
            return f"{connection.remote} has taken nothing for {seconds}: its window is closed"
        case Trouble.UNANSWERED:
            silent = f"{connection.since_received_seconds:.0f} s"
            return f"{connection.remote} acknowledges, and has not answered for {silent}"
        case _:
            again = f"{connection.retransmits} retransmits in a row"
            return f"{connection.remote} has acknowledged nothing for {seconds}, {again}"


def evidence(
    report: HeartbeatReport,
    calls: Calls,
    stalled: tuple[Watched, ...],
    unreachable: tuple[Destination, ...],
) -> Iterator[Evidence]:
    """Each connection with what TCP_INFO says, and each destination."""
    for destination in unreachable[:MAX_EVIDENCE]:
        value = f"{destination.remote}: {destination.unanswered} unanswered, "
        value += f"{destination.refused} refused, {destination.dialling} in SYN-SENT"
        yield Evidence(what="dials", value=value, source="sock_diag, sock:inet_sock_set_state")
    for watched in stalled[:MAX_EVIDENCE]:
        each = watched.connection
        value = (
            f"{each.local} to {each.remote}: unacked {each.unacked}, {each.queued_bytes} bytes "
            f"queued, retransmits {each.retransmits}, backoff {each.backoff}, rto "
            f"{each.rto_seconds:.1f} s, last_data_recv {each.since_received_seconds:.1f} s"
        )
        yield Evidence(what="connection", value=value, source="sock_diag, TCP_INFO")
    caller = calls.caller
    count = len(calls.connections) + calls.more
    value = f"{caller.who}, {count} {'connection' if count == 1 else 'connections'}"
    yield Evidence(what="process", value=value, source=f"/proc/{caller.pid}/stat")
