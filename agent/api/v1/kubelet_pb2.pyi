import datetime

from agent.api.v1 import runtime_pb2 as _runtime_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KubeletReport(_message.Message):
    __slots__ = ("at", "absent_reason", "failing", "process", "former", "restarts", "healthz", "healthz_off_reason", "version", "config", "problems", "throttled_ratio", "cpu_waiting_ratio")
    AT_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    FAILING_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    FORMER_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    HEALTHZ_FIELD_NUMBER: _ClassVar[int]
    HEALTHZ_OFF_REASON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    THROTTLED_RATIO_FIELD_NUMBER: _ClassVar[int]
    CPU_WAITING_RATIO_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    absent_reason: str
    failing: bool
    process: _runtime_pb2.RuntimeProcess
    former: _runtime_pb2.FormerRuntime
    restarts: int
    healthz: Healthz
    healthz_off_reason: str
    version: str
    config: str
    problems: _containers.RepeatedScalarFieldContainer[str]
    throttled_ratio: float
    cpu_waiting_ratio: float
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., absent_reason: _Optional[str] = ..., failing: _Optional[bool] = ..., process: _Optional[_Union[_runtime_pb2.RuntimeProcess, _Mapping]] = ..., former: _Optional[_Union[_runtime_pb2.FormerRuntime, _Mapping]] = ..., restarts: _Optional[int] = ..., healthz: _Optional[_Union[Healthz, _Mapping]] = ..., healthz_off_reason: _Optional[str] = ..., version: _Optional[str] = ..., config: _Optional[str] = ..., problems: _Optional[_Iterable[str]] = ..., throttled_ratio: _Optional[float] = ..., cpu_waiting_ratio: _Optional[float] = ...) -> None: ...

class Healthz(_message.Message):
    __slots__ = ("address", "state", "deadline", "took", "status", "detail", "answers", "answers_took", "silences", "failures")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    TOOK_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_TOOK_FIELD_NUMBER: _ClassVar[int]
    SILENCES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    address: str
    state: _runtime_pb2.RungState
    deadline: _duration_pb2.Duration
    took: _duration_pb2.Duration
    status: int
    detail: str
    answers: int
    answers_took: _duration_pb2.Duration
    silences: int
    failures: int
    def __init__(self, address: _Optional[str] = ..., state: _Optional[_Union[_runtime_pb2.RungState, str]] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., status: _Optional[int] = ..., detail: _Optional[str] = ..., answers: _Optional[int] = ..., answers_took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., silences: _Optional[int] = ..., failures: _Optional[int] = ...) -> None: ...
