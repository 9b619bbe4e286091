import datetime

from agent.api.v1 import runtime_pb2 as _runtime_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeConditionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_CONDITION_STATUS_UNSPECIFIED: _ClassVar[NodeConditionStatus]
    NODE_CONDITION_STATUS_TRUE: _ClassVar[NodeConditionStatus]
    NODE_CONDITION_STATUS_FALSE: _ClassVar[NodeConditionStatus]
    NODE_CONDITION_STATUS_UNKNOWN: _ClassVar[NodeConditionStatus]
NODE_CONDITION_STATUS_UNSPECIFIED: NodeConditionStatus
NODE_CONDITION_STATUS_TRUE: NodeConditionStatus
NODE_CONDITION_STATUS_FALSE: NodeConditionStatus
NODE_CONDITION_STATUS_UNKNOWN: NodeConditionStatus

class KubeletReport(_message.Message):
    __slots__ = ("at", "absent_reason", "failing", "process", "former", "restarts", "healthz", "healthz_off_reason", "version", "config", "problems", "throttled_ratio", "cpu_waiting_ratio", "belief", "belief_unknown_reason")
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
    BELIEF_FIELD_NUMBER: _ClassVar[int]
    BELIEF_UNKNOWN_REASON_FIELD_NUMBER: _ClassVar[int]
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
    belief: NodeBelief
    belief_unknown_reason: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., absent_reason: _Optional[str] = ..., failing: _Optional[bool] = ..., process: _Optional[_Union[_runtime_pb2.RuntimeProcess, _Mapping]] = ..., former: _Optional[_Union[_runtime_pb2.FormerRuntime, _Mapping]] = ..., restarts: _Optional[int] = ..., healthz: _Optional[_Union[Healthz, _Mapping]] = ..., healthz_off_reason: _Optional[str] = ..., version: _Optional[str] = ..., config: _Optional[str] = ..., problems: _Optional[_Iterable[str]] = ..., throttled_ratio: _Optional[float] = ..., cpu_waiting_ratio: _Optional[float] = ..., belief: _Optional[_Union[NodeBelief, _Mapping]] = ..., belief_unknown_reason: _Optional[str] = ...) -> None: ...

class NodeBelief(_message.Message):
    __slots__ = ("at", "address", "node", "conditions", "lease_renewed", "lease_duration", "lease_problem")
    AT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    LEASE_RENEWED_FIELD_NUMBER: _ClassVar[int]
    LEASE_DURATION_FIELD_NUMBER: _ClassVar[int]
    LEASE_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    address: str
    node: str
    conditions: _containers.RepeatedCompositeFieldContainer[NodeCondition]
    lease_renewed: _timestamp_pb2.Timestamp
    lease_duration: _duration_pb2.Duration
    lease_problem: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., address: _Optional[str] = ..., node: _Optional[str] = ..., conditions: _Optional[_Iterable[_Union[NodeCondition, _Mapping]]] = ..., lease_renewed: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lease_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lease_problem: _Optional[str] = ...) -> None: ...

class NodeCondition(_message.Message):
    __slots__ = ("type", "status", "reason", "message", "last_heartbeat", "last_transition")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LAST_HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    LAST_TRANSITION_FIELD_NUMBER: _ClassVar[int]
    type: str
    status: NodeConditionStatus
    reason: str
    message: str
    last_heartbeat: _timestamp_pb2.Timestamp
    last_transition: _timestamp_pb2.Timestamp
    def __init__(self, type: _Optional[str] = ..., status: _Optional[_Union[NodeConditionStatus, str]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., last_heartbeat: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_transition: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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
