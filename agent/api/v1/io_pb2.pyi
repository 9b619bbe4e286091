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

class DiskReport(_message.Message):
    __slots__ = ("at", "stalled_after", "disks", "etcd", "said")
    AT_FIELD_NUMBER: _ClassVar[int]
    STALLED_AFTER_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    ETCD_FIELD_NUMBER: _ClassVar[int]
    SAID_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    stalled_after: _duration_pb2.Duration
    disks: _containers.RepeatedCompositeFieldContainer[Disk]
    etcd: _containers.RepeatedCompositeFieldContainer[Etcd]
    said: _containers.RepeatedCompositeFieldContainer[KernelFault]
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stalled_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., disks: _Optional[_Iterable[_Union[Disk, _Mapping]]] = ..., etcd: _Optional[_Iterable[_Union[Etcd, _Mapping]]] = ..., said: _Optional[_Iterable[_Union[KernelFault, _Mapping]]] = ...) -> None: ...

class KernelFault(_message.Message):
    __slots__ = ("kind", "device", "comm", "pid", "hung", "count", "first", "last", "text")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    HUNG_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    device: str
    comm: str
    pid: int
    hung: _duration_pb2.Duration
    count: int
    first: _timestamp_pb2.Timestamp
    last: _timestamp_pb2.Timestamp
    text: str
    def __init__(self, kind: _Optional[str] = ..., device: _Optional[str] = ..., comm: _Optional[str] = ..., pid: _Optional[int] = ..., hung: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., count: _Optional[int] = ..., first: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class Etcd(_message.Message):
    __slots__ = ("pid", "container", "unit", "directory", "devices", "absent_reason", "slowest_device", "slowest_op", "slowest", "waiting_ratio")
    PID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_DEVICE_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_OP_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_FIELD_NUMBER: _ClassVar[int]
    WAITING_RATIO_FIELD_NUMBER: _ClassVar[int]
    pid: int
    container: _oom_pb2.Container
    unit: str
    directory: str
    devices: _containers.RepeatedScalarFieldContainer[str]
    absent_reason: str
    slowest_device: str
    slowest_op: str
    slowest: _duration_pb2.Duration
    waiting_ratio: float
    def __init__(self, pid: _Optional[int] = ..., container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., unit: _Optional[str] = ..., directory: _Optional[str] = ..., devices: _Optional[_Iterable[str]] = ..., absent_reason: _Optional[str] = ..., slowest_device: _Optional[str] = ..., slowest_op: _Optional[str] = ..., slowest: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., waiting_ratio: _Optional[float] = ...) -> None: ...

class Disk(_message.Message):
    __slots__ = ("id", "name", "kind", "label", "beneath", "mounts", "in_flight", "suspended", "stuck", "stalled", "window", "rates", "busy_ratio", "queue", "users")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BENEATH_FIELD_NUMBER: _ClassVar[int]
    MOUNTS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    STUCK_FIELD_NUMBER: _ClassVar[int]
    STALLED_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    BUSY_RATIO_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    kind: str
    label: str
    beneath: _containers.RepeatedScalarFieldContainer[str]
    mounts: _containers.RepeatedScalarFieldContainer[str]
    in_flight: int
    suspended: bool
    stuck: _duration_pb2.Duration
    stalled: bool
    window: _duration_pb2.Duration
    rates: _containers.RepeatedCompositeFieldContainer[DiskRate]
    busy_ratio: float
    queue: float
    users: _containers.RepeatedCompositeFieldContainer[DiskUser]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., label: _Optional[str] = ..., beneath: _Optional[_Iterable[str]] = ..., mounts: _Optional[_Iterable[str]] = ..., in_flight: _Optional[int] = ..., suspended: _Optional[bool] = ..., stuck: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stalled: _Optional[bool] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., rates: _Optional[_Iterable[_Union[DiskRate, _Mapping]]] = ..., busy_ratio: _Optional[float] = ..., queue: _Optional[float] = ..., users: _Optional[_Iterable[_Union[DiskUser, _Mapping]]] = ...) -> None: ...

class DiskRate(_message.Message):
    __slots__ = ("op", "per_second", "bytes_per_second", "latency")
    OP_FIELD_NUMBER: _ClassVar[int]
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    op: str
    per_second: float
    bytes_per_second: float
    latency: _duration_pb2.Duration
    def __init__(self, op: _Optional[str] = ..., per_second: _Optional[float] = ..., bytes_per_second: _Optional[float] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DiskUser(_message.Message):
    __slots__ = ("container", "unit", "read_bytes_per_second", "written_bytes_per_second")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    container: _oom_pb2.Container
    unit: str
    read_bytes_per_second: float
    written_bytes_per_second: float
    def __init__(self, container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., unit: _Optional[str] = ..., read_bytes_per_second: _Optional[float] = ..., written_bytes_per_second: _Optional[float] = ...) -> None: ...

class BlockedReport(_message.Message):
    __slots__ = ("at", "blocked_after", "tasks", "more", "looked_at", "look_took", "said", "io_delay_absent_reason")
    AT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_AFTER_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    LOOKED_AT_FIELD_NUMBER: _ClassVar[int]
    LOOK_TOOK_FIELD_NUMBER: _ClassVar[int]
    SAID_FIELD_NUMBER: _ClassVar[int]
    IO_DELAY_ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    blocked_after: _duration_pb2.Duration
    tasks: _containers.RepeatedCompositeFieldContainer[BlockedTask]
    more: int
    looked_at: int
    look_took: _duration_pb2.Duration
    said: _containers.RepeatedCompositeFieldContainer[KernelFault]
    io_delay_absent_reason: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., blocked_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[BlockedTask, _Mapping]]] = ..., more: _Optional[int] = ..., looked_at: _Optional[int] = ..., look_took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., said: _Optional[_Iterable[_Union[KernelFault, _Mapping]]] = ..., io_delay_absent_reason: _Optional[str] = ...) -> None: ...

class BlockedTask(_message.Message):
    __slots__ = ("pid", "tid", "comm", "wchan", "stack", "stack_absent_reason", "blocked", "kernel", "container", "unit", "cgroup", "io_delay")
    PID_FIELD_NUMBER: _ClassVar[int]
    TID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    WCHAN_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    STACK_ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    IO_DELAY_FIELD_NUMBER: _ClassVar[int]
    pid: int
    tid: int
    comm: str
    wchan: str
    stack: _containers.RepeatedScalarFieldContainer[str]
    stack_absent_reason: str
    blocked: _duration_pb2.Duration
    kernel: bool
    container: _oom_pb2.Container
    unit: str
    cgroup: str
    io_delay: _duration_pb2.Duration
    def __init__(self, pid: _Optional[int] = ..., tid: _Optional[int] = ..., comm: _Optional[str] = ..., wchan: _Optional[str] = ..., stack: _Optional[_Iterable[str]] = ..., stack_absent_reason: _Optional[str] = ..., blocked: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., kernel: _Optional[bool] = ..., container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., unit: _Optional[str] = ..., cgroup: _Optional[str] = ..., io_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
