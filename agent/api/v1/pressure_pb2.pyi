import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PressureReport(_message.Message):
    __slots__ = ("at", "levels", "triggers", "current", "last", "thrashing", "absent_reason")
    AT_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    THRASHING_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    levels: _containers.RepeatedCompositeFieldContainer[PressureLevel]
    triggers: _containers.RepeatedCompositeFieldContainer[PressureTrigger]
    current: _containers.RepeatedCompositeFieldContainer[PressureEpisode]
    last: _containers.RepeatedCompositeFieldContainer[PressureEpisode]
    thrashing: _containers.RepeatedCompositeFieldContainer[ReclaimThrash]
    absent_reason: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., levels: _Optional[_Iterable[_Union[PressureLevel, _Mapping]]] = ..., triggers: _Optional[_Iterable[_Union[PressureTrigger, _Mapping]]] = ..., current: _Optional[_Iterable[_Union[PressureEpisode, _Mapping]]] = ..., last: _Optional[_Iterable[_Union[PressureEpisode, _Mapping]]] = ..., thrashing: _Optional[_Iterable[_Union[ReclaimThrash, _Mapping]]] = ..., absent_reason: _Optional[str] = ...) -> None: ...

class PressureLevel(_message.Message):
    __slots__ = ("scope", "resource", "some", "full")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    SOME_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    scope: str
    resource: str
    some: PressureStall
    full: PressureStall
    def __init__(self, scope: _Optional[str] = ..., resource: _Optional[str] = ..., some: _Optional[_Union[PressureStall, _Mapping]] = ..., full: _Optional[_Union[PressureStall, _Mapping]] = ...) -> None: ...

class PressureStall(_message.Message):
    __slots__ = ("avg10", "avg60", "avg300", "total")
    AVG10_FIELD_NUMBER: _ClassVar[int]
    AVG60_FIELD_NUMBER: _ClassVar[int]
    AVG300_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    avg10: float
    avg60: float
    avg300: float
    total: _duration_pb2.Duration
    def __init__(self, avg10: _Optional[float] = ..., avg60: _Optional[float] = ..., avg300: _Optional[float] = ..., total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PressureTrigger(_message.Message):
    __slots__ = ("scope", "resource", "stall", "window", "armed", "detail", "fired")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    STALL_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    ARMED_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    FIRED_FIELD_NUMBER: _ClassVar[int]
    scope: str
    resource: str
    stall: _duration_pb2.Duration
    window: _duration_pb2.Duration
    armed: bool
    detail: str
    fired: int
    def __init__(self, scope: _Optional[str] = ..., resource: _Optional[str] = ..., stall: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., armed: _Optional[bool] = ..., detail: _Optional[str] = ..., fired: _Optional[int] = ...) -> None: ...

class PressureEpisode(_message.Message):
    __slots__ = ("scope", "resource", "started", "started_boottime_ns", "last_fired", "last_fired_boottime_ns", "avg10", "peak_avg10", "window_stall", "window", "stall", "fired", "over")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    STARTED_BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIRED_FIELD_NUMBER: _ClassVar[int]
    LAST_FIRED_BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    AVG10_FIELD_NUMBER: _ClassVar[int]
    PEAK_AVG10_FIELD_NUMBER: _ClassVar[int]
    WINDOW_STALL_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    STALL_FIELD_NUMBER: _ClassVar[int]
    FIRED_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    scope: str
    resource: str
    started: _timestamp_pb2.Timestamp
    started_boottime_ns: int
    last_fired: _timestamp_pb2.Timestamp
    last_fired_boottime_ns: int
    avg10: float
    peak_avg10: float
    window_stall: _duration_pb2.Duration
    window: _duration_pb2.Duration
    stall: _duration_pb2.Duration
    fired: int
    over: bool
    def __init__(self, scope: _Optional[str] = ..., resource: _Optional[str] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_boottime_ns: _Optional[int] = ..., last_fired: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_fired_boottime_ns: _Optional[int] = ..., avg10: _Optional[float] = ..., peak_avg10: _Optional[float] = ..., window_stall: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stall: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., fired: _Optional[int] = ..., over: _Optional[bool] = ...) -> None: ...

class ReclaimThrash(_message.Message):
    __slots__ = ("namespace", "pod", "pod_uid", "container", "container_id", "cgroup", "max_rises", "high_rises", "window", "lasted", "stall")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    POD_UID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    MAX_RISES_FIELD_NUMBER: _ClassVar[int]
    HIGH_RISES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    LASTED_FIELD_NUMBER: _ClassVar[int]
    STALL_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    pod_uid: str
    container: str
    container_id: str
    cgroup: str
    max_rises: int
    high_rises: int
    window: _duration_pb2.Duration
    lasted: _duration_pb2.Duration
    stall: PressureStall
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ..., pod_uid: _Optional[str] = ..., container: _Optional[str] = ..., container_id: _Optional[str] = ..., cgroup: _Optional[str] = ..., max_rises: _Optional[int] = ..., high_rises: _Optional[int] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lasted: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stall: _Optional[_Union[PressureStall, _Mapping]] = ...) -> None: ...
