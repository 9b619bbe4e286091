import datetime

from agent.api.v1 import oom_pb2 as _oom_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HeartbeatReport(_message.Message):
    __slots__ = ("at", "stalled_after", "callers", "refusals_absent_reason")
    AT_FIELD_NUMBER: _ClassVar[int]
    STALLED_AFTER_FIELD_NUMBER: _ClassVar[int]
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    stalled_after: _duration_pb2.Duration
    callers: _containers.RepeatedCompositeFieldContainer[Caller]
    refusals_absent_reason: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stalled_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., callers: _Optional[_Iterable[_Union[Caller, _Mapping]]] = ..., refusals_absent_reason: _Optional[str] = ...) -> None: ...

class Caller(_message.Message):
    __slots__ = ("role", "pid", "comm", "unit", "container", "connections", "more", "failing", "absent_reason")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    FAILING_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    role: str
    pid: int
    comm: str
    unit: str
    container: _oom_pb2.Container
    connections: _containers.RepeatedCompositeFieldContainer[TcpConnection]
    more: int
    failing: _containers.RepeatedCompositeFieldContainer[DialledAddress]
    absent_reason: str
    def __init__(self, role: _Optional[str] = ..., pid: _Optional[int] = ..., comm: _Optional[str] = ..., unit: _Optional[str] = ..., container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., connections: _Optional[_Iterable[_Union[TcpConnection, _Mapping]]] = ..., more: _Optional[int] = ..., failing: _Optional[_Iterable[_Union[DialledAddress, _Mapping]]] = ..., absent_reason: _Optional[str] = ...) -> None: ...

class TcpConnection(_message.Message):
    __slots__ = ("local", "remote", "dialling", "trouble", "trouble_for", "stalled", "retransmits", "backoff", "retransmit_timeout", "unacknowledged_segments", "queued_bytes", "since_sent", "since_received", "since_acknowledged", "round_trip", "total_retransmits")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    DIALLING_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FOR_FIELD_NUMBER: _ClassVar[int]
    STALLED_FIELD_NUMBER: _ClassVar[int]
    RETRANSMITS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    RETRANSMIT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    UNACKNOWLEDGED_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SINCE_SENT_FIELD_NUMBER: _ClassVar[int]
    SINCE_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SINCE_ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_RETRANSMITS_FIELD_NUMBER: _ClassVar[int]
    local: str
    remote: str
    dialling: bool
    trouble: str
    trouble_for: _duration_pb2.Duration
    stalled: bool
    retransmits: int
    backoff: int
    retransmit_timeout: _duration_pb2.Duration
    unacknowledged_segments: int
    queued_bytes: int
    since_sent: _duration_pb2.Duration
    since_received: _duration_pb2.Duration
    since_acknowledged: _duration_pb2.Duration
    round_trip: _duration_pb2.Duration
    total_retransmits: int
    def __init__(self, local: _Optional[str] = ..., remote: _Optional[str] = ..., dialling: _Optional[bool] = ..., trouble: _Optional[str] = ..., trouble_for: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stalled: _Optional[bool] = ..., retransmits: _Optional[int] = ..., backoff: _Optional[int] = ..., retransmit_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., unacknowledged_segments: _Optional[int] = ..., queued_bytes: _Optional[int] = ..., since_sent: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., since_received: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., since_acknowledged: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., round_trip: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., total_retransmits: _Optional[int] = ...) -> None: ...

class DialledAddress(_message.Message):
    __slots__ = ("remote", "failing_for", "unanswered", "refused", "dialling", "refuses", "unreachable")
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    FAILING_FOR_FIELD_NUMBER: _ClassVar[int]
    UNANSWERED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    DIALLING_FIELD_NUMBER: _ClassVar[int]
    REFUSES_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    remote: str
    failing_for: _duration_pb2.Duration
    unanswered: int
    refused: int
    dialling: int
    refuses: bool
    unreachable: bool
    def __init__(self, remote: _Optional[str] = ..., failing_for: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., unanswered: _Optional[int] = ..., refused: _Optional[int] = ..., dialling: _Optional[int] = ..., refuses: _Optional[bool] = ..., unreachable: _Optional[bool] = ...) -> None: ...
