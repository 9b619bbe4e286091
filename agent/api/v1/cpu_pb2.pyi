import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CPUReport(_message.Message):
    __slots__ = ("at", "cpus", "window", "shares", "runnable", "runnable_most", "blocked", "load", "softirq_cpu", "softirq_cpu_ratio", "waiting_ratio")
    AT_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    RUNNABLE_FIELD_NUMBER: _ClassVar[int]
    RUNNABLE_MOST_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    SOFTIRQ_CPU_FIELD_NUMBER: _ClassVar[int]
    SOFTIRQ_CPU_RATIO_FIELD_NUMBER: _ClassVar[int]
    WAITING_RATIO_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    cpus: int
    window: _duration_pb2.Duration
    shares: CPUShares
    runnable: float
    runnable_most: int
    blocked: int
    load: _containers.RepeatedScalarFieldContainer[float]
    softirq_cpu: int
    softirq_cpu_ratio: float
    waiting_ratio: float
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cpus: _Optional[int] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., shares: _Optional[_Union[CPUShares, _Mapping]] = ..., runnable: _Optional[float] = ..., runnable_most: _Optional[int] = ..., blocked: _Optional[int] = ..., load: _Optional[_Iterable[float]] = ..., softirq_cpu: _Optional[int] = ..., softirq_cpu_ratio: _Optional[float] = ..., waiting_ratio: _Optional[float] = ...) -> None: ...

class CPUShares(_message.Message):
    __slots__ = ("user", "system", "idle", "iowait", "irq", "softirq", "steal")
    USER_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    IOWAIT_FIELD_NUMBER: _ClassVar[int]
    IRQ_FIELD_NUMBER: _ClassVar[int]
    SOFTIRQ_FIELD_NUMBER: _ClassVar[int]
    STEAL_FIELD_NUMBER: _ClassVar[int]
    user: float
    system: float
    idle: float
    iowait: float
    irq: float
    softirq: float
    steal: float
    def __init__(self, user: _Optional[float] = ..., system: _Optional[float] = ..., idle: _Optional[float] = ..., iowait: _Optional[float] = ..., irq: _Optional[float] = ..., softirq: _Optional[float] = ..., steal: _Optional[float] = ...) -> None: ...
