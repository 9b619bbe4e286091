import datetime

from agent.api.v1 import oom_pb2 as _oom_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_OOM_CONTAINER_LIMIT: _ClassVar[Verdict]
    VERDICT_OOM_POD_LIMIT: _ClassVar[Verdict]
    VERDICT_OOM_KUBEPODS_LIMIT: _ClassVar[Verdict]
    VERDICT_OOM_NESTED_LIMIT: _ClassVar[Verdict]
    VERDICT_OOM_NODE: _ClassVar[Verdict]
    VERDICT_OOM_GROUP_SIBLING: _ClassVar[Verdict]
    VERDICT_KILLED_BY_RUNTIME: _ClassVar[Verdict]
    VERDICT_STOPPED_BY_RUNTIME: _ClassVar[Verdict]
    VERDICT_GRACE_EXCEEDED: _ClassVar[Verdict]
    VERDICT_KILLED_BY_OOMD: _ClassVar[Verdict]
    VERDICT_KILLED_BY_PROCESS: _ClassVar[Verdict]
    VERDICT_CRASHED: _ClassVar[Verdict]
    VERDICT_EXITED: _ClassVar[Verdict]

class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_REASON_UNSPECIFIED: _ClassVar[StopReason]
    STOP_REASON_RESTART: _ClassVar[StopReason]
    STOP_REASON_EVICTION: _ClassVar[StopReason]
    STOP_REASON_DELETION: _ClassVar[StopReason]
    STOP_REASON_UNKNOWN: _ClassVar[StopReason]
VERDICT_UNSPECIFIED: Verdict
VERDICT_OOM_CONTAINER_LIMIT: Verdict
VERDICT_OOM_POD_LIMIT: Verdict
VERDICT_OOM_KUBEPODS_LIMIT: Verdict
VERDICT_OOM_NESTED_LIMIT: Verdict
VERDICT_OOM_NODE: Verdict
VERDICT_OOM_GROUP_SIBLING: Verdict
VERDICT_KILLED_BY_RUNTIME: Verdict
VERDICT_STOPPED_BY_RUNTIME: Verdict
VERDICT_GRACE_EXCEEDED: Verdict
VERDICT_KILLED_BY_OOMD: Verdict
VERDICT_KILLED_BY_PROCESS: Verdict
VERDICT_CRASHED: Verdict
VERDICT_EXITED: Verdict
STOP_REASON_UNSPECIFIED: StopReason
STOP_REASON_RESTART: StopReason
STOP_REASON_EVICTION: StopReason
STOP_REASON_DELETION: StopReason
STOP_REASON_UNKNOWN: StopReason

class Sender(_message.Message):
    __slots__ = ("pid", "comm", "cgroup", "unit", "container")
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    pid: int
    comm: str
    cgroup: str
    unit: str
    container: _oom_pb2.Container
    def __init__(self, pid: _Optional[int] = ..., comm: _Optional[str] = ..., cgroup: _Optional[str] = ..., unit: _Optional[str] = ..., container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ...) -> None: ...

class ContainerDeath(_message.Message):
    __slots__ = ("id", "revision", "container", "attempt", "boottime_ns", "time", "started", "verdict", "stop_reason", "exit_code", "signal", "core_dumped", "init_pid", "sender", "term_boottime_ns", "incident_ids", "runtime_says", "disagreement", "confidence", "witnesses", "memory_working_set", "memory_limit", "memory_pressure_full", "cpu_pressure_some", "io_pressure_full", "node_cpu_pressure_some", "node_memory_pressure_full", "node_io_pressure_full", "network_saturated", "settled", "cpu_throttled_ratio")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    CORE_DUMPED_FIELD_NUMBER: _ClassVar[int]
    INIT_PID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TERM_BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_IDS_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_SAYS_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WITNESSES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_WORKING_SET_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PRESSURE_FULL_FIELD_NUMBER: _ClassVar[int]
    CPU_PRESSURE_SOME_FIELD_NUMBER: _ClassVar[int]
    IO_PRESSURE_FULL_FIELD_NUMBER: _ClassVar[int]
    NODE_CPU_PRESSURE_SOME_FIELD_NUMBER: _ClassVar[int]
    NODE_MEMORY_PRESSURE_FULL_FIELD_NUMBER: _ClassVar[int]
    NODE_IO_PRESSURE_FULL_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SATURATED_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    CPU_THROTTLED_RATIO_FIELD_NUMBER: _ClassVar[int]
    id: str
    revision: int
    container: _oom_pb2.Container
    attempt: int
    boottime_ns: int
    time: _timestamp_pb2.Timestamp
    started: _timestamp_pb2.Timestamp
    verdict: Verdict
    stop_reason: StopReason
    exit_code: int
    signal: int
    core_dumped: bool
    init_pid: int
    sender: Sender
    term_boottime_ns: int
    incident_ids: _containers.RepeatedScalarFieldContainer[str]
    runtime_says: str
    disagreement: _oom_pb2.Disagreement
    confidence: _oom_pb2.Confidence
    witnesses: _containers.RepeatedScalarFieldContainer[str]
    memory_working_set: int
    memory_limit: int
    memory_pressure_full: float
    cpu_pressure_some: float
    io_pressure_full: float
    node_cpu_pressure_some: float
    node_memory_pressure_full: float
    node_io_pressure_full: float
    network_saturated: bool
    settled: bool
    cpu_throttled_ratio: float
    def __init__(self, id: _Optional[str] = ..., revision: _Optional[int] = ..., container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., attempt: _Optional[int] = ..., boottime_ns: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., stop_reason: _Optional[_Union[StopReason, str]] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., core_dumped: _Optional[bool] = ..., init_pid: _Optional[int] = ..., sender: _Optional[_Union[Sender, _Mapping]] = ..., term_boottime_ns: _Optional[int] = ..., incident_ids: _Optional[_Iterable[str]] = ..., runtime_says: _Optional[str] = ..., disagreement: _Optional[_Union[_oom_pb2.Disagreement, str]] = ..., confidence: _Optional[_Union[_oom_pb2.Confidence, str]] = ..., witnesses: _Optional[_Iterable[str]] = ..., memory_working_set: _Optional[int] = ..., memory_limit: _Optional[int] = ..., memory_pressure_full: _Optional[float] = ..., cpu_pressure_some: _Optional[float] = ..., io_pressure_full: _Optional[float] = ..., node_cpu_pressure_some: _Optional[float] = ..., node_memory_pressure_full: _Optional[float] = ..., node_io_pressure_full: _Optional[float] = ..., network_saturated: _Optional[bool] = ..., settled: _Optional[bool] = ..., cpu_throttled_ratio: _Optional[float] = ...) -> None: ...
