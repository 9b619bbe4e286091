"""agent.parse.node_object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.model.absence import ParseError
from agent.model.kubelet import NodeLease, NodeStatus
from agent.parse.node_object import MAX_WORDS, parse_lease, parse_node, parse_refusal

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "KubeletReady",
    "message": "kubelet is posting ready status",
    "lastHeartbeatTime": "2026-11-28T10:00:00Z",
    "lastTransitionTime": "2026-11-28T11:30:00.25+01:30",
}
AT_NS = 1_795_860_000 * 10**9


def node(*conditions: object, **other: object) -> bytes:
    status = {"conditions": list(conditions), "images": [{"names": ["x"]}]}
    made: dict[str, Any] = {"kind": "Node", "metadata": {"name": "node-1"}, "status": status}
    return json.dumps(made | other).encode()


def test_conditions() -> None:
    """In a fixed order, whatever theirs is; those of others are skipped, however they look."""
    pressure = {"type": "MemoryPressure", "status": "Unknown", "lastHeartbeatTime": None}
    stranger = {"type": "KernelDeadlock", "status": 7}
    found = parse_node(node(stranger, pressure, READY))
    assert found.name == "node-1"
    ready, memory = found.conditions
    assert (ready.type, ready.status, ready.reason) == ("Ready", NodeStatus.TRUE, "KubeletReady")
    assert ready.message == "kubelet is posting ready status"
    assert ready.heartbeat_wall_ns == AT_NS
    assert ready.transition_wall_ns == AT_NS + 250_000_000
    assert (memory.type, memory.status) == ("MemoryPressure", NodeStatus.UNKNOWN)
    assert (memory.reason, memory.heartbeat_wall_ns, memory.transition_wall_ns) == ("", None, None)


@pytest.mark.parametrize("status", [{}, {"conditions": None}])
def test_young_node(status: dict[str, Any]) -> None:
    """One whose kubelet has said nothing yet has no conditions."""
    assert parse_node(node(status=status)).conditions == ()


def test_words() -> None:
    """They are long and strange where somebody wants them to be."""
    found = parse_node(node(READY | {"message": "a\n\x1b" + "b" * 5000}))
    assert found.conditions[0].message == "a\\x0a\\x1b" + "b" * (MAX_WORDS - 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        b"[]",
        b'{"kind": "Pod"}',
        node(metadata={}),
        node(metadata={"name": ""}),
        node(status=None),
        node("Ready"),
        *(node(status={"conditions": some}) for some in (5, True, "Ready", {"type": "Ready"}, 0)),
        node(READY | {"reason": int("9" * 4300)}),
        node(metadata={"name": json.loads("[" * 900 + "]" * 900)}),
        node({"status": "True"}),
        node(READY, READY),
        *(node(READY | {"status": status}) for status in (None, True, "true", "")),
        node(READY | {"reason": 3}),
        *(
            node(READY | {"lastHeartbeatTime": moment})
            for moment in (5, "", "2026-11-28", "2026-13-28T10:00:00Z", "2026-11-28T10:00:00")
        ),
    ],
    ids=lambda data: repr(data[:60]),
)
def test_no_node(data: bytes) -> None:
    """What is known and has not its form is an error, never a default."""
    with pytest.raises(ParseError):
        parse_node(data)


def lease(**spec: object) -> bytes:
    return json.dumps({"kind": "Lease", "spec": spec}).encode()


def test_lease() -> None:
    """To the microsecond; one that was never renewed says so."""
    found = parse_lease(lease(renewTime="2026-11-28T10:00:00.123456Z", leaseDurationSeconds=40))
    assert found == NodeLease(renewed_wall_ns=AT_NS + 123_456_000, seconds=40.0)
    assert parse_lease(lease()) == NodeLease(renewed_wall_ns=None, seconds=None)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b'{"kind": "Lease"}',
        *(
            lease(leaseDurationSeconds=seconds)
            for seconds in ("40", 40.0, True, 0, -1, 1 << 31, int("9" * 400))
        ),
        *(lease(renewTime=moment) for moment in (1, "9999-12-31T23:59:59-23:00")),
    ],
    ids=lambda data: repr(data[:60]),
)
def test_no_lease(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_lease(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"kind": "Status", "message": "nodes is forbidden\\n"}', "nodes is forbidden\\x0a"),
        (b'{"kind": "Status"}', '{"kind": "Status"}'),
        (b"<html>\n no </html>\n", "<html>\\x0a no </html>"),
        (b"", ""),
    ],
)
def test_refusal(data: bytes, words: str) -> None:
    """Its message, or whatever a proxy has put there."""
    assert parse_refusal(data) == words
