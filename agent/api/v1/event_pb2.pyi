import datetime

from agent.api.v1 import condition_pb2 as _condition_pb2
from agent.api.v1 import exits_pb2 as _exits_pb2
from agent.api.v1 import oom_pb2 as _oom_pb2
from agent.api.v1 import pressure_pb2 as _pressure_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResumeToken(_message.Message):
    __slots__ = ("stream_id", "sequence")
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    stream_id: str
    sequence: int
    def __init__(self, stream_id: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("stream_id", "sequence", "boot_id", "boottime_ns", "time", "oom_recorded", "oom_amended", "source_gap", "source_change", "journal_change", "agent_started", "runtime_disagreement", "condition_changed", "pressure_crossed", "exit_recorded", "exit_amended")
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    OOM_RECORDED_FIELD_NUMBER: _ClassVar[int]
    OOM_AMENDED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_GAP_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_CHANGE_FIELD_NUMBER: _ClassVar[int]
    AGENT_STARTED_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    CONDITION_CHANGED_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_CROSSED_FIELD_NUMBER: _ClassVar[int]
    EXIT_RECORDED_FIELD_NUMBER: _ClassVar[int]
    EXIT_AMENDED_FIELD_NUMBER: _ClassVar[int]
    stream_id: str
    sequence: int
    boot_id: str
    boottime_ns: int
    time: _timestamp_pb2.Timestamp
    oom_recorded: _oom_pb2.OOMIncident
    oom_amended: _oom_pb2.OOMIncident
    source_gap: SourceGap
    source_change: SourceChange
    journal_change: JournalChange
    agent_started: AgentStarted
    runtime_disagreement: RuntimeDisagreement
    condition_changed: ConditionChanged
    pressure_crossed: _pressure_pb2.PressureEpisode
    exit_recorded: _exits_pb2.ContainerDeath
    exit_amended: _exits_pb2.ContainerDeath
    def __init__(self, stream_id: _Optional[str] = ..., sequence: _Optional[int] = ..., boot_id: _Optional[str] = ..., boottime_ns: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., oom_recorded: _Optional[_Union[_oom_pb2.OOMIncident, _Mapping]] = ..., oom_amended: _Optional[_Union[_oom_pb2.OOMIncident, _Mapping]] = ..., source_gap: _Optional[_Union[SourceGap, _Mapping]] = ..., source_change: _Optional[_Union[SourceChange, _Mapping]] = ..., journal_change: _Optional[_Union[JournalChange, _Mapping]] = ..., agent_started: _Optional[_Union[AgentStarted, _Mapping]] = ..., runtime_disagreement: _Optional[_Union[RuntimeDisagreement, _Mapping]] = ..., condition_changed: _Optional[_Union[ConditionChanged, _Mapping]] = ..., pressure_crossed: _Optional[_Union[_pressure_pb2.PressureEpisode, _Mapping]] = ..., exit_recorded: _Optional[_Union[_exits_pb2.ContainerDeath, _Mapping]] = ..., exit_amended: _Optional[_Union[_exits_pb2.ContainerDeath, _Mapping]] = ...) -> None: ...

class RuntimeDisagreement(_message.Message):
    __slots__ = ("container", "kind", "runtime_says", "kernel_says", "incident_ids")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_SAYS_FIELD_NUMBER: _ClassVar[int]
    KERNEL_SAYS_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_IDS_FIELD_NUMBER: _ClassVar[int]
    container: _oom_pb2.Container
    kind: _oom_pb2.Disagreement
    runtime_says: str
    kernel_says: str
    incident_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., kind: _Optional[_Union[_oom_pb2.Disagreement, str]] = ..., runtime_says: _Optional[str] = ..., kernel_says: _Optional[str] = ..., incident_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ConditionChanged(_message.Message):
    __slots__ = ("condition", "previous")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    condition: _condition_pb2.Condition
    previous: _condition_pb2.ConditionStatus
    def __init__(self, condition: _Optional[_Union[_condition_pb2.Condition, _Mapping]] = ..., previous: _Optional[_Union[_condition_pb2.ConditionStatus, str]] = ...) -> None: ...

class SourceGap(_message.Message):
    __slots__ = ("source", "lost", "detail")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    source: str
    lost: int
    detail: str
    def __init__(self, source: _Optional[str] = ..., lost: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...

class SourceChange(_message.Message):
    __slots__ = ("source", "up", "detail")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    source: str
    up: bool
    detail: str
    def __init__(self, source: _Optional[str] = ..., up: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class JournalChange(_message.Message):
    __slots__ = ("state", "detail")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    state: str
    detail: str
    def __init__(self, state: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class AgentStarted(_message.Message):
    __slots__ = ("version", "pid")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ...) -> None: ...

class StreamGap(_message.Message):
    __slots__ = ("reason", "first_missing", "last_missing", "detail")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIRST_MISSING_FIELD_NUMBER: _ClassVar[int]
    LAST_MISSING_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    reason: str
    first_missing: int
    last_missing: int
    detail: str
    def __init__(self, reason: _Optional[str] = ..., first_missing: _Optional[int] = ..., last_missing: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...
