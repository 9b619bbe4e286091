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

class PullReport(_message.Message):
    __slots__ = ("at", "stalled_after", "pid", "comm", "pulls", "connections", "connections_absent_reason", "disks", "waiting", "ended")
    AT_FIELD_NUMBER: _ClassVar[int]
    STALLED_AFTER_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    PULLS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    stalled_after: _duration_pb2.Duration
    pid: int
    comm: str
    pulls: _containers.RepeatedCompositeFieldContainer[Pull]
    connections: _containers.RepeatedCompositeFieldContainer[RegistryConnection]
    connections_absent_reason: str
    disks: _containers.RepeatedCompositeFieldContainer[PullDisk]
    waiting: _containers.RepeatedCompositeFieldContainer[_oom_pb2.Container]
    ended: _containers.RepeatedCompositeFieldContainer[EndedPull]
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stalled_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., pid: _Optional[int] = ..., comm: _Optional[str] = ..., pulls: _Optional[_Iterable[_Union[Pull, _Mapping]]] = ..., connections: _Optional[_Iterable[_Union[RegistryConnection, _Mapping]]] = ..., connections_absent_reason: _Optional[str] = ..., disks: _Optional[_Iterable[_Union[PullDisk, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[_oom_pb2.Container, _Mapping]]] = ..., ended: _Optional[_Iterable[_Union[EndedPull, _Mapping]]] = ...) -> None: ...

class Pull(_message.Message):
    __slots__ = ("phase", "kind", "digest", "namespace", "bytes", "total_bytes", "begun", "still", "stalled", "cause", "disks", "meanwhile", "unread")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    STILL_FIELD_NUMBER: _ClassVar[int]
    STALLED_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    MEANWHILE_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    phase: str
    kind: str
    digest: str
    namespace: str
    bytes: int
    total_bytes: int
    begun: _timestamp_pb2.Timestamp
    still: _duration_pb2.Duration
    stalled: bool
    cause: str
    disks: _containers.RepeatedScalarFieldContainer[str]
    meanwhile: PullMeanwhile
    unread: str
    def __init__(self, phase: _Optional[str] = ..., kind: _Optional[str] = ..., digest: _Optional[str] = ..., namespace: _Optional[str] = ..., bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., begun: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., still: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stalled: _Optional[bool] = ..., cause: _Optional[str] = ..., disks: _Optional[_Iterable[str]] = ..., meanwhile: _Optional[_Union[PullMeanwhile, _Mapping]] = ..., unread: _Optional[str] = ...) -> None: ...

class PullMeanwhile(_message.Message):
    __slots__ = ("still", "silent", "retransmits", "slowest_device", "slowest_op", "slowest", "stuck", "cause", "stuck_device")
    STILL_FIELD_NUMBER: _ClassVar[int]
    SILENT_FIELD_NUMBER: _ClassVar[int]
    RETRANSMITS_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_DEVICE_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_OP_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_FIELD_NUMBER: _ClassVar[int]
    STUCK_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    STUCK_DEVICE_FIELD_NUMBER: _ClassVar[int]
    still: _duration_pb2.Duration
    silent: _duration_pb2.Duration
    retransmits: int
    slowest_device: str
    slowest_op: str
    slowest: _duration_pb2.Duration
    stuck: _duration_pb2.Duration
    cause: str
    stuck_device: str
    def __init__(self, still: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., silent: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., retransmits: _Optional[int] = ..., slowest_device: _Optional[str] = ..., slowest_op: _Optional[str] = ..., slowest: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stuck: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cause: _Optional[str] = ..., stuck_device: _Optional[str] = ...) -> None: ...

class RegistryConnection(_message.Message):
    __slots__ = ("local", "remote", "dialling", "since_received", "unread_bytes", "unacknowledged_segments", "retransmits", "round_trip")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    DIALLING_FIELD_NUMBER: _ClassVar[int]
    SINCE_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    UNREAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNACKNOWLEDGED_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    RETRANSMITS_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_FIELD_NUMBER: _ClassVar[int]
    local: str
    remote: str
    dialling: bool
    since_received: _duration_pb2.Duration
    unread_bytes: int
    unacknowledged_segments: int
    retransmits: int
    round_trip: _duration_pb2.Duration
    def __init__(self, local: _Optional[str] = ..., remote: _Optional[str] = ..., dialling: _Optional[bool] = ..., since_received: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., unread_bytes: _Optional[int] = ..., unacknowledged_segments: _Optional[int] = ..., retransmits: _Optional[int] = ..., round_trip: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PullDisk(_message.Message):
    __slots__ = ("device", "kind", "in_flight", "suspended", "read", "write", "flush", "stuck")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    WRITE_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    STUCK_FIELD_NUMBER: _ClassVar[int]
    device: str
    kind: str
    in_flight: int
    suspended: bool
    read: _duration_pb2.Duration
    write: _duration_pb2.Duration
    flush: _duration_pb2.Duration
    stuck: _duration_pb2.Duration
    def __init__(self, device: _Optional[str] = ..., kind: _Optional[str] = ..., in_flight: _Optional[int] = ..., suspended: _Optional[bool] = ..., read: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., write: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., flush: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stuck: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class EndedPull(_message.Message):
    __slots__ = ("pull", "ended", "outcome")
    PULL_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    pull: Pull
    ended: _timestamp_pb2.Timestamp
    outcome: str
    def __init__(self, pull: _Optional[_Union[Pull, _Mapping]] = ..., ended: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[str] = ...) -> None: ...
