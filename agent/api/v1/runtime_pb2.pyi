import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RungState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNG_STATE_UNSPECIFIED: _ClassVar[RungState]
    RUNG_STATE_UNTRIED: _ClassVar[RungState]
    RUNG_STATE_OK: _ClassVar[RungState]
    RUNG_STATE_SILENT: _ClassVar[RungState]
    RUNG_STATE_FAILED: _ClassVar[RungState]

class CreationStep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREATION_STEP_UNSPECIFIED: _ClassVar[CreationStep]
    CREATION_STEP_PENDING: _ClassVar[CreationStep]
    CREATION_STEP_NETWORK: _ClassVar[CreationStep]
    CREATION_STEP_SANDBOX: _ClassVar[CreationStep]
    CREATION_STEP_IMAGE: _ClassVar[CreationStep]
    CREATION_STEP_CREATED: _ClassVar[CreationStep]
    CREATION_STEP_INIT: _ClassVar[CreationStep]
RUNG_STATE_UNSPECIFIED: RungState
RUNG_STATE_UNTRIED: RungState
RUNG_STATE_OK: RungState
RUNG_STATE_SILENT: RungState
RUNG_STATE_FAILED: RungState
CREATION_STEP_UNSPECIFIED: CreationStep
CREATION_STEP_PENDING: CreationStep
CREATION_STEP_NETWORK: CreationStep
CREATION_STEP_SANDBOX: CreationStep
CREATION_STEP_IMAGE: CreationStep
CREATION_STEP_CREATED: CreationStep
CREATION_STEP_INIT: CreationStep

class RuntimeReport(_message.Message):
    __slots__ = ("at", "socket", "steps", "absent_reason", "name", "version", "conditions", "sandboxes", "queues", "queues_absent_reason", "process", "former", "restarts", "shims", "shims_known", "blocked_known", "creations", "creation_stalled_after")
    AT_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    SANDBOXES_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    QUEUES_ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    FORMER_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    SHIMS_FIELD_NUMBER: _ClassVar[int]
    SHIMS_KNOWN_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_KNOWN_FIELD_NUMBER: _ClassVar[int]
    CREATIONS_FIELD_NUMBER: _ClassVar[int]
    CREATION_STALLED_AFTER_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    socket: str
    steps: _containers.RepeatedCompositeFieldContainer[RuntimeStep]
    absent_reason: str
    name: str
    version: str
    conditions: _containers.RepeatedCompositeFieldContainer[RuntimeCondition]
    sandboxes: int
    queues: SocketQueues
    queues_absent_reason: str
    process: RuntimeProcess
    former: FormerRuntime
    restarts: int
    shims: _containers.RepeatedCompositeFieldContainer[Shim]
    shims_known: bool
    blocked_known: bool
    creations: _containers.RepeatedCompositeFieldContainer[Creation]
    creation_stalled_after: _duration_pb2.Duration
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., socket: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[RuntimeStep, _Mapping]]] = ..., absent_reason: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., conditions: _Optional[_Iterable[_Union[RuntimeCondition, _Mapping]]] = ..., sandboxes: _Optional[int] = ..., queues: _Optional[_Union[SocketQueues, _Mapping]] = ..., queues_absent_reason: _Optional[str] = ..., process: _Optional[_Union[RuntimeProcess, _Mapping]] = ..., former: _Optional[_Union[FormerRuntime, _Mapping]] = ..., restarts: _Optional[int] = ..., shims: _Optional[_Iterable[_Union[Shim, _Mapping]]] = ..., shims_known: _Optional[bool] = ..., blocked_known: _Optional[bool] = ..., creations: _Optional[_Iterable[_Union[Creation, _Mapping]]] = ..., creation_stalled_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RuntimeStep(_message.Message):
    __slots__ = ("rung", "state", "deadline", "took", "detail", "answers", "answers_took", "silences", "failures")
    RUNG_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    TOOK_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_TOOK_FIELD_NUMBER: _ClassVar[int]
    SILENCES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    rung: str
    state: RungState
    deadline: _duration_pb2.Duration
    took: _duration_pb2.Duration
    detail: str
    answers: int
    answers_took: _duration_pb2.Duration
    silences: int
    failures: int
    def __init__(self, rung: _Optional[str] = ..., state: _Optional[_Union[RungState, str]] = ..., deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., detail: _Optional[str] = ..., answers: _Optional[int] = ..., answers_took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., silences: _Optional[int] = ..., failures: _Optional[int] = ...) -> None: ...

class RuntimeCondition(_message.Message):
    __slots__ = ("type", "status", "message")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    type: str
    status: bool
    message: str
    def __init__(self, type: _Optional[str] = ..., status: _Optional[bool] = ..., message: _Optional[str] = ...) -> None: ...

class SocketQueues(_message.Message):
    __slots__ = ("pending", "backlog", "connections", "unread_connections", "unread_bytes")
    PENDING_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    UNREAD_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    UNREAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    pending: int
    backlog: int
    connections: int
    unread_connections: int
    unread_bytes: int
    def __init__(self, pending: _Optional[int] = ..., backlog: _Optional[int] = ..., connections: _Optional[int] = ..., unread_connections: _Optional[int] = ..., unread_bytes: _Optional[int] = ...) -> None: ...

class RuntimeProcess(_message.Message):
    __slots__ = ("pid", "comm", "started", "state", "threads", "resident_bytes", "blocked", "blkio_delay", "unit")
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    BLKIO_DELAY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    pid: int
    comm: str
    started: _timestamp_pb2.Timestamp
    state: str
    threads: int
    resident_bytes: int
    blocked: _containers.RepeatedCompositeFieldContainer[RuntimeThread]
    blkio_delay: _duration_pb2.Duration
    unit: str
    def __init__(self, pid: _Optional[int] = ..., comm: _Optional[str] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[str] = ..., threads: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., blocked: _Optional[_Iterable[_Union[RuntimeThread, _Mapping]]] = ..., blkio_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., unit: _Optional[str] = ...) -> None: ...

class RuntimeThread(_message.Message):
    __slots__ = ("tid", "comm", "state", "wchan", "since")
    TID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WCHAN_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    tid: int
    comm: str
    state: str
    wchan: str
    since: _timestamp_pb2.Timestamp
    def __init__(self, tid: _Optional[int] = ..., comm: _Optional[str] = ..., state: _Optional[str] = ..., wchan: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FormerRuntime(_message.Message):
    __slots__ = ("pid", "comm", "missed", "signal", "exit_code", "oom_killed", "killer")
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    OOM_KILLED_FIELD_NUMBER: _ClassVar[int]
    KILLER_FIELD_NUMBER: _ClassVar[int]
    pid: int
    comm: str
    missed: _timestamp_pb2.Timestamp
    signal: int
    exit_code: int
    oom_killed: bool
    killer: str
    def __init__(self, pid: _Optional[int] = ..., comm: _Optional[str] = ..., missed: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., signal: _Optional[int] = ..., exit_code: _Optional[int] = ..., oom_killed: _Optional[bool] = ..., killer: _Optional[str] = ...) -> None: ...

class Shim(_message.Message):
    __slots__ = ("pid", "started", "state", "namespace", "sandbox_id", "orphan", "unread", "pod_namespace", "pod", "pod_uid", "blocked")
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_ID_FIELD_NUMBER: _ClassVar[int]
    ORPHAN_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    POD_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    POD_UID_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    pid: int
    started: _timestamp_pb2.Timestamp
    state: str
    namespace: str
    sandbox_id: str
    orphan: bool
    unread: str
    pod_namespace: str
    pod: str
    pod_uid: str
    blocked: _containers.RepeatedCompositeFieldContainer[RuntimeThread]
    def __init__(self, pid: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[str] = ..., namespace: _Optional[str] = ..., sandbox_id: _Optional[str] = ..., orphan: _Optional[bool] = ..., unread: _Optional[str] = ..., pod_namespace: _Optional[str] = ..., pod: _Optional[str] = ..., pod_uid: _Optional[str] = ..., blocked: _Optional[_Iterable[_Union[RuntimeThread, _Mapping]]] = ...) -> None: ...

class Creation(_message.Message):
    __slots__ = ("step", "sandbox", "namespace", "pod", "pod_uid", "container", "id", "since", "begun", "pid", "comm", "state", "wchan")
    STEP_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    POD_UID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WCHAN_FIELD_NUMBER: _ClassVar[int]
    step: CreationStep
    sandbox: bool
    namespace: str
    pod: str
    pod_uid: str
    container: str
    id: str
    since: _timestamp_pb2.Timestamp
    begun: _timestamp_pb2.Timestamp
    pid: int
    comm: str
    state: str
    wchan: str
    def __init__(self, step: _Optional[_Union[CreationStep, str]] = ..., sandbox: _Optional[bool] = ..., namespace: _Optional[str] = ..., pod: _Optional[str] = ..., pod_uid: _Optional[str] = ..., container: _Optional[str] = ..., id: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., begun: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pid: _Optional[int] = ..., comm: _Optional[str] = ..., state: _Optional[str] = ..., wchan: _Optional[str] = ...) -> None: ...
