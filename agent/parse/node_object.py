"""The Node object, its lease and a refusal, as the API server answers them

    {"kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": [
        {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is ...",
         "lastHeartbeatTime": "2026-11-28T10:00:00Z",
         "lastTransitionTime": "2026-11-01T08:00:00Z"}]}}
    {"kind": "Lease",
     "spec": {"leaseDurationSeconds": 40, "renewTime": "2026-11-28T10:00:00.123456Z"}}
    {"kind": "Status", "reason": "Forbidden", "message": "nodes \\"node-1\\" is forbidden: ..."}

Conditions of other types than Kubernetes' own are skipped, as is every other field.

https://kubernetes.io/docs/reference/node/node-status/
k8s.io/api/core/v1, NodeCondition; k8s.io/api/coordination/v1, LeaseSpec
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from agent.model.absence import ParseError
from agent.model.kubelet import (
    NODE_CONDITIONS,
    NodeCondition,
    NodeLease,
    NodeObject,
    NodeStatus,
)
from agent.parse.names import printable

MAX_WORDS = 1024
"""Of a reason or a message: what is longer is cut."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
MAX_LEASE_SECONDS = (1 << 31) - 1
"""leaseDurationSeconds is an int32, and more than 0."""
_STATUSES = {status.value: status for status in NodeStatus}


def parse_node(data: bytes) -> NodeObject:
    """Name and conditions. Raises ParseError, also if one type stands there twice."""
    node = _object(data, "Node")
    name = _member(node, "metadata").get("name")
    if not isinstance(name, str) or not name:
        raise ParseError("a Node with a name", _shown(name))
    status = _member(node, "status")
    found: dict[str, NodeCondition] = {}
    conditions = status.get("conditions")
    if conditions is not None and not isinstance(conditions, list):
        raise ParseError("conditions in a list", _shown(conditions))
    for each in conditions or ():
        if not isinstance(each, dict):
            raise ParseError("a condition that is an object", _shown(each))
        kind = each.get("type")
        if not isinstance(kind, str):
            raise ParseError("a condition with a type", _shown(each))
        if kind not in NODE_CONDITIONS:
            continue
        if kind in found:
            raise ParseError(f"one condition {kind}", "two")
        found[kind] = _condition(kind, each)
    ordered = (found[kind] for kind in NODE_CONDITIONS if kind in found)
    return NodeObject(name=_printable(name), conditions=tuple(ordered))


def parse_lease(data: bytes) -> NodeLease:
    """When it was renewed. Raises ParseError."""
    spec = _member(_object(data, "Lease"), "spec")
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and (
        not isinstance(seconds, int)
        or isinstance(seconds, bool)
        or not 0 < seconds <= MAX_LEASE_SECONDS
    ):
        raise ParseError("leaseDurationSeconds in whole seconds", _shown(seconds))
    return NodeLease(
        renewed_wall_ns=_time(spec, "renewTime"),
        seconds=None if seconds is None else float(seconds),
    )


def parse_refusal(data: bytes) -> str:
    """The message of a Status, or what there is instead, in one line."""
    try:
        message = _object(data, "Status").get("message")
    except ParseError:
        message = None
    if isinstance(message, str) and message:
        return _printable(message)
    return printable(data.strip()[:MAX_WORDS])


def _condition(kind: str, found: dict[str, Any]) -> NodeCondition:
    word = found.get("status")
    status = _STATUSES.get(word) if isinstance(word, str) else None
    if status is None:
        raise ParseError(f"{kind} with the status True, False or Unknown", _shown(word))
    return NodeCondition(
        type=kind,
        status=status,
        reason=_text(found, "reason"),
        message=_text(found, "message"),
        heartbeat_wall_ns=_time(found, "lastHeartbeatTime"),
        transition_wall_ns=_time(found, "lastTransitionTime"),
    )


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ParseError(f"{key} in words", _shown(value))
    return _printable(value)


def _time(found: dict[str, Any], key: str) -> int | None:
    """Nanoseconds since 1970 (RFC 3339); None where it is null or missing."""
    value = found.get(key)
    if value is None:
        return None
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ParseError(f"{key} such as 2026-11-28T10:00:00Z", _shown(value))
    try:
        zone = match[3].replace("Z", "+00:00")
        moment = datetime.fromisoformat(match[1] + zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ParseError(f"{key} such as 2026-11-28T10:00:00Z", _shown(value)) from error
    return int(moment.timestamp()) * 10**9 + int((match[2] or "0").ljust(9, "0"))


def _object(data: bytes, kind: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"a {kind} in JSON ({error})", data[:200]) from error
    if not isinstance(found, dict) or found.get("kind") != kind:
        raise ParseError(f"a {kind}", data[:200])
    return found


def _member(found: dict[str, Any], key: str) -> dict[str, Any]:
    value = found.get(key)
    if not isinstance(value, dict):
        raise ParseError(f"{key} that is an object", _shown(value))
    return value


def _shown(value: object) -> str:
    try:
        return _printable(json.dumps(value)[:200])
    except (ValueError, RecursionError):  # as many digits, or as deep, as could just be read
        return f"a {type(value).__name__}"


def _printable(text: str) -> str:
    return printable(text[:MAX_WORDS].encode("utf-8", "surrogatepass"))
