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

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_CRITICAL: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]

class EntityKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENTITY_KIND_UNSPECIFIED: _ClassVar[EntityKind]
    ENTITY_KIND_NODE: _ClassVar[EntityKind]
    ENTITY_KIND_POD: _ClassVar[EntityKind]
    ENTITY_KIND_CONTAINER: _ClassVar[EntityKind]
    ENTITY_KIND_SERVICE: _ClassVar[EntityKind]

class ConditionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONDITION_STATUS_UNSPECIFIED: _ClassVar[ConditionStatus]
    CONDITION_STATUS_TRUE: _ClassVar[ConditionStatus]
    CONDITION_STATUS_FALSE: _ClassVar[ConditionStatus]
    CONDITION_STATUS_UNKNOWN: _ClassVar[ConditionStatus]
SEVERITY_UNSPECIFIED: Severity
SEVERITY_CRITICAL: Severity
SEVERITY_WARNING: Severity
SEVERITY_INFO: Severity
ENTITY_KIND_UNSPECIFIED: EntityKind
ENTITY_KIND_NODE: EntityKind
ENTITY_KIND_POD: EntityKind
ENTITY_KIND_CONTAINER: EntityKind
ENTITY_KIND_SERVICE: EntityKind
CONDITION_STATUS_UNSPECIFIED: ConditionStatus
CONDITION_STATUS_TRUE: ConditionStatus
CONDITION_STATUS_FALSE: ConditionStatus
CONDITION_STATUS_UNKNOWN: ConditionStatus

class Entity(_message.Message):
    __slots__ = ("kind", "id", "names")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    kind: EntityKind
    id: str
    names: _oom_pb2.Container
    def __init__(self, kind: _Optional[_Union[EntityKind, str]] = ..., id: _Optional[str] = ..., names: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("what", "value", "source")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    what: str
    value: str
    source: str
    def __init__(self, what: _Optional[str] = ..., value: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ("type", "entity", "status", "severity", "since", "since_boottime_ns", "reason", "message", "evidence", "expires", "expires_boottime_ns", "revision")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    SINCE_BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    type: str
    entity: Entity
    status: ConditionStatus
    severity: Severity
    since: _timestamp_pb2.Timestamp
    since_boottime_ns: int
    reason: str
    message: str
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    expires: _timestamp_pb2.Timestamp
    expires_boottime_ns: int
    revision: int
    def __init__(self, type: _Optional[str] = ..., entity: _Optional[_Union[Entity, _Mapping]] = ..., status: _Optional[_Union[ConditionStatus, str]] = ..., severity: _Optional[_Union[Severity, str]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., since_boottime_ns: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., expires: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_boottime_ns: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class ConditionCounts(_message.Message):
    __slots__ = ("critical", "warning", "info", "unknown")
    CRITICAL_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    critical: int
    warning: int
    info: int
    unknown: int
    def __init__(self, critical: _Optional[int] = ..., warning: _Optional[int] = ..., info: _Optional[int] = ..., unknown: _Optional[int] = ...) -> None: ...
