"""KubeletHeartbeatStalled and APIServerDialFailing."""

from __future__ import annotations

from msgspec.structs import replace

from agent.detect import api_server_dial_failing, kubelet_heartbeat_stalled
from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.condition import Finding, Severity
from agent.model.heartbeat import Calls, HeartbeatReport, Trouble, Watched
from tests.serve.heartbeat_sample import (
    API_SERVER,
    DIALLING,
    HEARTBEAT,
    KUBELET,
    NOW_NS,
    REFUSES,
    SILENT,
    STUCK,
    WELL,
    S,
    connection,
)

STALLED = kubelet_heartbeat_stalled.DETECTOR
FAILING = api_server_dial_failing.DETECTOR


def found(detector: Detector, report: HeartbeatReport | None) -> list[Finding]:
    return list(detector.detect(Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, heartbeat=report)))


def of_kubelet(*connections: Watched, **fields: object) -> list[Finding]:
    calls = Calls(caller=KUBELET, connections=connections, **fields)  # type: ignore[arg-type]
    return found(STALLED, replace(HEARTBEAT, calls=(calls,)))


def of_api_server(*connections: Watched, **fields: object) -> list[Finding]:
    calls = Calls(caller=API_SERVER, connections=connections, **fields)  # type: ignore[arg-type]
    return found(FAILING, replace(HEARTBEAT, calls=(calls,)))


def test_kubelet() -> None:
    """Who does not acknowledge, for how long, and what TCP says of it."""
    (finding,) = found(STALLED, HEARTBEAT)
    assert finding.message == (
        "the heartbeat of kubelet[812] does not get out: 10.0.0.1:6443 has acknowledged nothing "
        "for 42 s, 8 retransmits in a row"
    )
    assert (finding.reason, finding.severity) == ("Unacknowledged", None)
    assert "unacked 3, 2212 bytes queued, retransmits 8" in finding.evidence[0].value
    (finding,) = of_kubelet(STUCK, WELL)
    assert finding.severity is Severity.WARNING
    assert finding.message.endswith("(1 of 2 connections); another connection works")


def test_kinds() -> None:
    """Each trouble has its own words. An answer may take its time, up to what a client waits."""
    closed = replace(STUCK, trouble=Trouble.WINDOW_CLOSED)
    assert "has taken nothing for 42 s" in of_kubelet(closed)[0].message
    silent = replace(STUCK, trouble=Trouble.UNANSWERED)
    (finding,) = of_kubelet(silent)
    assert finding.reason == "Unanswered"
    assert "acknowledges, and has not answered for 48 s" in finding.message
    slow = connection(24, since_received_seconds=20.0)
    assert of_kubelet(replace(silent, connection=slow)) == []


def test_kubelet_dials() -> None:
    """An API server that is gone: nobody answers, or its node refuses."""
    (finding,) = of_kubelet(failing=(replace(SILENT, remote="10.0.0.1:6443"),))
    assert finding.reason == "DialUnanswered"
    assert finding.message == (
        "the heartbeat does not get out: kubelet[812] dials 10.0.0.1:6443 and nobody answers: for "
        "371 s, 1 in SYN-SENT, 29 dials"
    )
    (finding,) = of_kubelet(failing=(REFUSES,))
    assert finding.reason == "DialRefused"
    assert "which refuses: for 90 s, 12 dials" in finding.message


def test_api_server() -> None:
    """The address that fails most, and that there are more."""
    (finding,) = found(FAILING, HEARTBEAT)
    assert finding.reason == "NobodyAnswers"
    assert finding.message == (
        "the API server dials 10.96.14.2:443 and nobody answers: for 371 s, 1 in SYN-SENT, 29 "
        "dials; and 1 more"
    )
    assert [each.what for each in finding.evidence] == ["dials", "dials", "process"]
    (finding,) = of_api_server(failing=(REFUSES,))
    assert finding.reason == "Refused"
    (finding,) = of_api_server(STUCK, replace(STUCK, connection=connection(25, retransmits=8)))
    assert finding.reason == "Unacknowledged"
    assert finding.message.startswith("the API server is not heard: 10.0.0.1:6443 has acknow")
    assert finding.message.endswith("(2 connections)")


def test_between_dials() -> None:
    """One dial that had no answer for so long counts while the next one is young; one that was
    given up early does not.
    """
    one = replace(SILENT, unanswered=1, dialling=0, first_boottime_ns=NOW_NS - 30 * S)
    assert of_api_server(failing=(one,))
    assert not of_api_server(failing=(replace(one, last_boottime_ns=NOW_NS - 21 * S),))


def test_dead_nodes() -> None:
    """The kubelet of a node that has died is shown, and is no trouble of the API server's."""
    dead = replace(SILENT, remote="10.0.0.9:10250")
    gone = replace(STUCK, connection=connection(26, remote="10.0.0.9:10250"))
    assert of_api_server(gone, failing=(dead,)) == []
    (finding,) = of_api_server(gone, failing=(dead, REFUSES))
    assert "and 1 more" not in finding.message


def test_nothing() -> None:
    """What is well, what has not lasted, one refusal alone, and nothing known."""
    assert of_kubelet(WELL) == of_kubelet(DIALLING) == of_api_server(DIALLING) == []
    assert of_kubelet(replace(STUCK, since_boottime_ns=NOW_NS - 9 * S)) == []
    assert of_api_server(failing=(replace(REFUSES, refused=1),)) == []
    assert of_api_server(failing=(replace(SILENT, first_boottime_ns=NOW_NS - 9 * S),)) == []
    assert found(STALLED, None) == found(FAILING, None) == []
