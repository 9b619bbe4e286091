import datetime

from agent.api.v1 import condition_pb2 as _condition_pb2
from agent.api.v1 import oom_pb2 as _oom_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Identity(_message.Message):
    __slots__ = ("node", "boot_id", "machine_id", "version", "pid", "started", "uptime", "node_uptime")
    NODE_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    MACHINE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    NODE_UPTIME_FIELD_NUMBER: _ClassVar[int]
    node: str
    boot_id: str
    machine_id: str
    version: str
    pid: int
    started: _timestamp_pb2.Timestamp
    uptime: _duration_pb2.Duration
    node_uptime: _duration_pb2.Duration
    def __init__(self, node: _Optional[str] = ..., boot_id: _Optional[str] = ..., machine_id: _Optional[str] = ..., version: _Optional[str] = ..., pid: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., node_uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Host(_message.Message):
    __slots__ = ("kernel_release", "cgroup_mode", "cgroup_driver", "containers", "pods", "memory_bytes")
    KERNEL_RELEASE_FIELD_NUMBER: _ClassVar[int]
    CGROUP_MODE_FIELD_NUMBER: _ClassVar[int]
    CGROUP_DRIVER_FIELD_NUMBER: _ClassVar[int]
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    PODS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    kernel_release: str
    cgroup_mode: str
    cgroup_driver: str
    containers: int
    pods: int
    memory_bytes: int
    def __init__(self, kernel_release: _Optional[str] = ..., cgroup_mode: _Optional[str] = ..., cgroup_driver: _Optional[str] = ..., containers: _Optional[int] = ..., pods: _Optional[int] = ..., memory_bytes: _Optional[int] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("name", "state", "absence", "detail", "since", "tells", "required", "records", "lost")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Source.State]
        STATE_UP: _ClassVar[Source.State]
        STATE_ABSENT: _ClassVar[Source.State]
        STATE_DOWN: _ClassVar[Source.State]
    STATE_UNSPECIFIED: Source.State
    STATE_UP: Source.State
    STATE_ABSENT: Source.State
    STATE_DOWN: Source.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ABSENCE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    TELLS_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Source.State
    absence: str
    detail: str
    since: _timestamp_pb2.Timestamp
    tells: str
    required: bool
    records: int
    lost: int
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Source.State, str]] = ..., absence: _Optional[str] = ..., detail: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tells: _Optional[str] = ..., required: _Optional[bool] = ..., records: _Optional[int] = ..., lost: _Optional[int] = ...) -> None: ...

class Journal(_message.Message):
    __slots__ = ("state", "detail", "since", "path", "bytes", "max_bytes", "events", "first_sequence", "last_sequence", "dropped", "stream_id", "waiting")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    state: str
    detail: str
    since: _timestamp_pb2.Timestamp
    path: str
    bytes: int
    max_bytes: int
    events: int
    first_sequence: int
    last_sequence: int
    dropped: int
    stream_id: str
    waiting: int
    def __init__(self, state: _Optional[str] = ..., detail: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., path: _Optional[str] = ..., bytes: _Optional[int] = ..., max_bytes: _Optional[int] = ..., events: _Optional[int] = ..., first_sequence: _Optional[int] = ..., last_sequence: _Optional[int] = ..., dropped: _Optional[int] = ..., stream_id: _Optional[str] = ..., waiting: _Optional[int] = ...) -> None: ...

class SelfUsage(_message.Message):
    __slots__ = ("cpu", "resident_bytes", "open_fds", "trace_buffer_bytes", "subscribers", "subscriber_drops", "abandoned_workers", "worker_limit", "loop_lag_max", "loop_stalls", "protections")
    CPU_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    OPEN_FDS_FIELD_NUMBER: _ClassVar[int]
    TRACE_BUFFER_BYTES_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBERS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_DROPS_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_WORKERS_FIELD_NUMBER: _ClassVar[int]
    WORKER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    LOOP_LAG_MAX_FIELD_NUMBER: _ClassVar[int]
    LOOP_STALLS_FIELD_NUMBER: _ClassVar[int]
    PROTECTIONS_FIELD_NUMBER: _ClassVar[int]
    cpu: _duration_pb2.Duration
    resident_bytes: int
    open_fds: int
    trace_buffer_bytes: int
    subscribers: int
    subscriber_drops: int
    abandoned_workers: int
    worker_limit: int
    loop_lag_max: _duration_pb2.Duration
    loop_stalls: int
    protections: _containers.RepeatedCompositeFieldContainer[Protection]
    def __init__(self, cpu: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., resident_bytes: _Optional[int] = ..., open_fds: _Optional[int] = ..., trace_buffer_bytes: _Optional[int] = ..., subscribers: _Optional[int] = ..., subscriber_drops: _Optional[int] = ..., abandoned_workers: _Optional[int] = ..., worker_limit: _Optional[int] = ..., loop_lag_max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., loop_stalls: _Optional[int] = ..., protections: _Optional[_Iterable[_Union[Protection, _Mapping]]] = ...) -> None: ...

class Protection(_message.Message):
    __slots__ = ("name", "got", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GOT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    got: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., got: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("identity", "host", "sources", "oom", "journal", "self", "recorder_window", "conditions")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    OOM_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_FIELD_NUMBER: _ClassVar[int]
    SELF_FIELD_NUMBER: _ClassVar[int]
    RECORDER_WINDOW_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    identity: Identity
    host: Host
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    oom: _oom_pb2.OOMBooks
    journal: Journal
    self: SelfUsage
    recorder_window: _duration_pb2.Duration
    conditions: _condition_pb2.ConditionCounts
    def __init__(self_, identity: _Optional[_Union[Identity, _Mapping]] = ..., host: _Optional[_Union[Host, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., oom: _Optional[_Union[_oom_pb2.OOMBooks, _Mapping]] = ..., journal: _Optional[_Union[Journal, _Mapping]] = ..., self: _Optional[_Union[SelfUsage, _Mapping]] = ..., recorder_window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., conditions: _Optional[_Union[_condition_pb2.ConditionCounts, _Mapping]] = ...) -> None: ...
