import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MemoryReport(_message.Message):
    __slots__ = ("at", "node", "kubelet", "headrooms", "eaters")
    AT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    KUBELET_FIELD_NUMBER: _ClassVar[int]
    HEADROOMS_FIELD_NUMBER: _ClassVar[int]
    EATERS_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    node: NodeMemory
    kubelet: Kubelet
    headrooms: _containers.RepeatedCompositeFieldContainer[Headroom]
    eaters: _containers.RepeatedCompositeFieldContainer[Eater]
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., node: _Optional[_Union[NodeMemory, _Mapping]] = ..., kubelet: _Optional[_Union[Kubelet, _Mapping]] = ..., headrooms: _Optional[_Iterable[_Union[Headroom, _Mapping]]] = ..., eaters: _Optional[_Iterable[_Union[Eater, _Mapping]]] = ...) -> None: ...

class NodeMemory(_message.Message):
    __slots__ = ("total", "free", "inactive_file", "forms", "form", "reason", "assumed")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FREE_FIELD_NUMBER: _ClassVar[int]
    INACTIVE_FILE_FIELD_NUMBER: _ClassVar[int]
    FORMS_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_FIELD_NUMBER: _ClassVar[int]
    total: int
    free: int
    inactive_file: int
    forms: _containers.RepeatedCompositeFieldContainer[MemoryForm]
    form: str
    reason: str
    assumed: bool
    def __init__(self, total: _Optional[int] = ..., free: _Optional[int] = ..., inactive_file: _Optional[int] = ..., forms: _Optional[_Iterable[_Union[MemoryForm, _Mapping]]] = ..., form: _Optional[str] = ..., reason: _Optional[str] = ..., assumed: _Optional[bool] = ...) -> None: ...

class MemoryForm(_message.Message):
    __slots__ = ("form", "usage", "working_set", "available")
    FORM_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    WORKING_SET_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    form: str
    usage: int
    working_set: int
    available: int
    def __init__(self, form: _Optional[str] = ..., usage: _Optional[int] = ..., working_set: _Optional[int] = ..., available: _Optional[int] = ...) -> None: ...

class Kubelet(_message.Message):
    __slots__ = ("pid", "config", "root_directory", "version", "library", "problems")
    PID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    ROOT_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIBRARY_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    pid: int
    config: str
    root_directory: str
    version: str
    library: str
    problems: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pid: _Optional[int] = ..., config: _Optional[str] = ..., root_directory: _Optional[str] = ..., version: _Optional[str] = ..., library: _Optional[str] = ..., problems: _Optional[_Iterable[str]] = ...) -> None: ...

class Headroom(_message.Message):
    __slots__ = ("signal", "bytes", "available", "capacity", "absent_reason", "path", "threshold", "headroom", "trend", "time_left", "crossed_since")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    HEADROOM_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    TIME_LEFT_FIELD_NUMBER: _ClassVar[int]
    CROSSED_SINCE_FIELD_NUMBER: _ClassVar[int]
    signal: str
    bytes: bool
    available: int
    capacity: int
    absent_reason: str
    path: str
    threshold: Threshold
    headroom: int
    trend: Trend
    time_left: _duration_pb2.Duration
    crossed_since: _timestamp_pb2.Timestamp
    def __init__(self, signal: _Optional[str] = ..., bytes: _Optional[bool] = ..., available: _Optional[int] = ..., capacity: _Optional[int] = ..., absent_reason: _Optional[str] = ..., path: _Optional[str] = ..., threshold: _Optional[_Union[Threshold, _Mapping]] = ..., headroom: _Optional[int] = ..., trend: _Optional[_Union[Trend, _Mapping]] = ..., time_left: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., crossed_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Threshold(_message.Message):
    __slots__ = ("hard", "text", "amount", "grace", "source")
    HARD_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    hard: bool
    text: str
    amount: int
    grace: _duration_pb2.Duration
    source: str
    def __init__(self, hard: _Optional[bool] = ..., text: _Optional[str] = ..., amount: _Optional[int] = ..., grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., source: _Optional[str] = ...) -> None: ...

class Trend(_message.Message):
    __slots__ = ("per_second", "fit", "window")
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    per_second: float
    fit: float
    window: _duration_pb2.Duration
    def __init__(self, per_second: _Optional[float] = ..., fit: _Optional[float] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Eater(_message.Message):
    __slots__ = ("namespace", "pod", "pod_uid", "container", "container_id", "unit", "working_set", "grown_1m", "grown_5m")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    POD_UID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    WORKING_SET_FIELD_NUMBER: _ClassVar[int]
    GROWN_1M_FIELD_NUMBER: _ClassVar[int]
    GROWN_5M_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    pod_uid: str
    container: str
    container_id: str
    unit: str
    working_set: int
    grown_1m: int
    grown_5m: int
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ..., pod_uid: _Optional[str] = ..., container: _Optional[str] = ..., container_id: _Optional[str] = ..., unit: _Optional[str] = ..., working_set: _Optional[int] = ..., grown_1m: _Optional[int] = ..., grown_5m: _Optional[int] = ...) -> None: ...
