import datetime

from agent.api.v1 import oom_pb2 as _oom_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CNICallState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CNI_CALL_STATE_UNSPECIFIED: _ClassVar[CNICallState]
    CNI_CALL_STATE_RUNNING: _ClassVar[CNICallState]
    CNI_CALL_STATE_SLOW: _ClassVar[CNICallState]
    CNI_CALL_STATE_STALLED: _ClassVar[CNICallState]
    CNI_CALL_STATE_OK: _ClassVar[CNICallState]
    CNI_CALL_STATE_FAILED: _ClassVar[CNICallState]
    CNI_CALL_STATE_UNKNOWN: _ClassVar[CNICallState]

class NetworkState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NETWORK_STATE_UNSPECIFIED: _ClassVar[NetworkState]
    NETWORK_STATE_IDLE: _ClassVar[NetworkState]
    NETWORK_STATE_WORKING: _ClassVar[NetworkState]
    NETWORK_STATE_SLOW: _ClassVar[NetworkState]
    NETWORK_STATE_FLAPPING: _ClassVar[NetworkState]
    NETWORK_STATE_WEDGED: _ClassVar[NetworkState]
CNI_CALL_STATE_UNSPECIFIED: CNICallState
CNI_CALL_STATE_RUNNING: CNICallState
CNI_CALL_STATE_SLOW: CNICallState
CNI_CALL_STATE_STALLED: CNICallState
CNI_CALL_STATE_OK: CNICallState
CNI_CALL_STATE_FAILED: CNICallState
CNI_CALL_STATE_UNKNOWN: CNICallState
NETWORK_STATE_UNSPECIFIED: NetworkState
NETWORK_STATE_IDLE: NetworkState
NETWORK_STATE_WORKING: NetworkState
NETWORK_STATE_SLOW: NetworkState
NETWORK_STATE_FLAPPING: NetworkState
NETWORK_STATE_WEDGED: NetworkState

class CNILockHolder(_message.Message):
    __slots__ = ("pid", "comm", "state", "wchan")
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WCHAN_FIELD_NUMBER: _ClassVar[int]
    pid: int
    comm: str
    state: str
    wchan: str
    def __init__(self, pid: _Optional[int] = ..., comm: _Optional[str] = ..., state: _Optional[str] = ..., wchan: _Optional[str] = ...) -> None: ...

class CNICallWait(_message.Message):
    __slots__ = ("at", "comm", "tid", "state", "wchan", "lock_kind", "lock_file", "lock_holders", "unread")
    AT_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    TID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WCHAN_FIELD_NUMBER: _ClassVar[int]
    LOCK_KIND_FIELD_NUMBER: _ClassVar[int]
    LOCK_FILE_FIELD_NUMBER: _ClassVar[int]
    LOCK_HOLDERS_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    comm: str
    tid: int
    state: str
    wchan: str
    lock_kind: str
    lock_file: str
    lock_holders: _containers.RepeatedCompositeFieldContainer[CNILockHolder]
    unread: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., comm: _Optional[str] = ..., tid: _Optional[int] = ..., state: _Optional[str] = ..., wchan: _Optional[str] = ..., lock_kind: _Optional[str] = ..., lock_file: _Optional[str] = ..., lock_holders: _Optional[_Iterable[_Union[CNILockHolder, _Mapping]]] = ..., unread: _Optional[str] = ...) -> None: ...

class CNICall(_message.Message):
    __slots__ = ("pid", "plugin", "command", "unread", "container_id", "netns", "interface", "pod", "parent_pid", "delegated_by", "started", "ended", "took", "state", "exit_code", "signal", "wait")
    PID_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    NETNS_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    PARENT_PID_FIELD_NUMBER: _ClassVar[int]
    DELEGATED_BY_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    TOOK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    pid: int
    plugin: str
    command: str
    unread: str
    container_id: str
    netns: str
    interface: str
    pod: _oom_pb2.Container
    parent_pid: int
    delegated_by: int
    started: _timestamp_pb2.Timestamp
    ended: _timestamp_pb2.Timestamp
    took: _duration_pb2.Duration
    state: CNICallState
    exit_code: int
    signal: int
    wait: CNICallWait
    def __init__(self, pid: _Optional[int] = ..., plugin: _Optional[str] = ..., command: _Optional[str] = ..., unread: _Optional[str] = ..., container_id: _Optional[str] = ..., netns: _Optional[str] = ..., interface: _Optional[str] = ..., pod: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., parent_pid: _Optional[int] = ..., delegated_by: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., took: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., state: _Optional[_Union[CNICallState, str]] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., wait: _Optional[_Union[CNICallWait, _Mapping]] = ...) -> None: ...

class CNIBooks(_message.Message):
    __slots__ = ("seen", "running", "ended", "missed", "others")
    SEEN_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    seen: int
    running: int
    ended: int
    missed: int
    others: int
    def __init__(self, seen: _Optional[int] = ..., running: _Optional[int] = ..., ended: _Optional[int] = ..., missed: _Optional[int] = ..., others: _Optional[int] = ...) -> None: ...

class NetworkHealth(_message.Message):
    __slots__ = ("state", "since", "failed", "last_success")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    LAST_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    state: NetworkState
    since: _timestamp_pb2.Timestamp
    failed: int
    last_success: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[NetworkState, str]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failed: _Optional[int] = ..., last_success: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CNIPlugin(_message.Message):
    __slots__ = ("type", "path", "problem")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    type: str
    path: str
    problem: str
    def __init__(self, type: _Optional[str] = ..., path: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class CNIConfigFile(_message.Message):
    __slots__ = ("path", "loaded", "network", "version", "plugins", "problem")
    PATH_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    path: str
    loaded: bool
    network: str
    version: str
    plugins: _containers.RepeatedCompositeFieldContainer[CNIPlugin]
    problem: str
    def __init__(self, path: _Optional[str] = ..., loaded: _Optional[bool] = ..., network: _Optional[str] = ..., version: _Optional[str] = ..., plugins: _Optional[_Iterable[_Union[CNIPlugin, _Mapping]]] = ..., problem: _Optional[str] = ...) -> None: ...

class CNIConfig(_message.Message):
    __slots__ = ("at", "directory", "bin_directories", "files", "absent_reason", "watched")
    AT_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    BIN_DIRECTORIES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASON_FIELD_NUMBER: _ClassVar[int]
    WATCHED_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    directory: str
    bin_directories: _containers.RepeatedScalarFieldContainer[str]
    files: _containers.RepeatedCompositeFieldContainer[CNIConfigFile]
    absent_reason: str
    watched: bool
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., directory: _Optional[str] = ..., bin_directories: _Optional[_Iterable[str]] = ..., files: _Optional[_Iterable[_Union[CNIConfigFile, _Mapping]]] = ..., absent_reason: _Optional[str] = ..., watched: _Optional[bool] = ...) -> None: ...

class RuntimeNetwork(_message.Message):
    __slots__ = ("asked", "ready", "message")
    ASKED_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    asked: _timestamp_pb2.Timestamp
    ready: bool
    message: str
    def __init__(self, asked: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ready: _Optional[bool] = ..., message: _Optional[str] = ...) -> None: ...

class CNIReport(_message.Message):
    __slots__ = ("at", "health", "books", "config", "calls", "runtime", "elsewhere_reason")
    AT_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    ELSEWHERE_REASON_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    health: NetworkHealth
    books: CNIBooks
    config: CNIConfig
    calls: _containers.RepeatedCompositeFieldContainer[CNICall]
    runtime: RuntimeNetwork
    elsewhere_reason: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., health: _Optional[_Union[NetworkHealth, _Mapping]] = ..., books: _Optional[_Union[CNIBooks, _Mapping]] = ..., config: _Optional[_Union[CNIConfig, _Mapping]] = ..., calls: _Optional[_Iterable[_Union[CNICall, _Mapping]]] = ..., runtime: _Optional[_Union[RuntimeNetwork, _Mapping]] = ..., elsewhere_reason: _Optional[str] = ...) -> None: ...
