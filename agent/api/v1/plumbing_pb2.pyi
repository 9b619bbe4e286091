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

class OverlayState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OVERLAY_STATE_UNSPECIFIED: _ClassVar[OverlayState]
    OVERLAY_STATE_UP: _ClassVar[OverlayState]
    OVERLAY_STATE_DOWN: _ClassVar[OverlayState]
    OVERLAY_STATE_VANISHED: _ClassVar[OverlayState]
OVERLAY_STATE_UNSPECIFIED: OverlayState
OVERLAY_STATE_UP: OverlayState
OVERLAY_STATE_DOWN: OverlayState
OVERLAY_STATE_VANISHED: OverlayState

class PlumbingReport(_message.Message):
    __slots__ = ("at", "window", "conntrack", "softnet", "neighbours", "overlays", "flapping", "routes", "tools", "rules", "saturated", "absent_reasons", "ports")
    class AbsentReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    CONNTRACK_FIELD_NUMBER: _ClassVar[int]
    SOFTNET_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    OVERLAYS_FIELD_NUMBER: _ClassVar[int]
    FLAPPING_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    SATURATED_FIELD_NUMBER: _ClassVar[int]
    ABSENT_REASONS_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    window: _duration_pb2.Duration
    conntrack: ConntrackTable
    softnet: SoftnetCounters
    neighbours: _containers.RepeatedCompositeFieldContainer[NeighbourTable]
    overlays: _containers.RepeatedCompositeFieldContainer[OverlayDevice]
    flapping: _containers.RepeatedCompositeFieldContainer[FlappingDevice]
    routes: _containers.RepeatedCompositeFieldContainer[RouteOrigin]
    tools: _containers.RepeatedCompositeFieldContainer[RuleTool]
    rules: PacketFilter
    saturated: bool
    absent_reasons: _containers.ScalarMap[str, str]
    ports: LocalPorts
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., conntrack: _Optional[_Union[ConntrackTable, _Mapping]] = ..., softnet: _Optional[_Union[SoftnetCounters, _Mapping]] = ..., neighbours: _Optional[_Iterable[_Union[NeighbourTable, _Mapping]]] = ..., overlays: _Optional[_Iterable[_Union[OverlayDevice, _Mapping]]] = ..., flapping: _Optional[_Iterable[_Union[FlappingDevice, _Mapping]]] = ..., routes: _Optional[_Iterable[_Union[RouteOrigin, _Mapping]]] = ..., tools: _Optional[_Iterable[_Union[RuleTool, _Mapping]]] = ..., rules: _Optional[_Union[PacketFilter, _Mapping]] = ..., saturated: _Optional[bool] = ..., absent_reasons: _Optional[_Mapping[str, str]] = ..., ports: _Optional[_Union[LocalPorts, _Mapping]] = ...) -> None: ...

class ConntrackTable(_message.Message):
    __slots__ = ("entries", "limit", "drops", "insert_failed", "early_drops", "drops_per_second", "insert_failed_per_second", "early_drops_per_second")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    DROPS_FIELD_NUMBER: _ClassVar[int]
    INSERT_FAILED_FIELD_NUMBER: _ClassVar[int]
    EARLY_DROPS_FIELD_NUMBER: _ClassVar[int]
    DROPS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    INSERT_FAILED_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    EARLY_DROPS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    entries: int
    limit: int
    drops: int
    insert_failed: int
    early_drops: int
    drops_per_second: float
    insert_failed_per_second: float
    early_drops_per_second: float
    def __init__(self, entries: _Optional[int] = ..., limit: _Optional[int] = ..., drops: _Optional[int] = ..., insert_failed: _Optional[int] = ..., early_drops: _Optional[int] = ..., drops_per_second: _Optional[float] = ..., insert_failed_per_second: _Optional[float] = ..., early_drops_per_second: _Optional[float] = ...) -> None: ...

class SoftnetCounters(_message.Message):
    __slots__ = ("processed", "dropped", "squeezed", "drops_per_second", "squeezes_per_second")
    PROCESSED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    SQUEEZED_FIELD_NUMBER: _ClassVar[int]
    DROPS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SQUEEZES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    processed: int
    dropped: int
    squeezed: int
    drops_per_second: float
    squeezes_per_second: float
    def __init__(self, processed: _Optional[int] = ..., dropped: _Optional[int] = ..., squeezed: _Optional[int] = ..., drops_per_second: _Optional[float] = ..., squeezes_per_second: _Optional[float] = ...) -> None: ...

class NeighbourTable(_message.Message):
    __slots__ = ("version", "entries", "limit", "table_fulls", "table_fulls_per_second")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    TABLE_FULLS_FIELD_NUMBER: _ClassVar[int]
    TABLE_FULLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    version: int
    entries: int
    limit: int
    table_fulls: int
    table_fulls_per_second: float
    def __init__(self, version: _Optional[int] = ..., entries: _Optional[int] = ..., limit: _Optional[int] = ..., table_fulls: _Optional[int] = ..., table_fulls_per_second: _Optional[float] = ...) -> None: ...

class OverlayDevice(_message.Message):
    __slots__ = ("name", "kind", "state", "since")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    state: OverlayState
    since: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[_Union[OverlayState, str]] = ..., since: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FlappingDevice(_message.Message):
    __slots__ = ("name", "kind", "changes", "window")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    changes: int
    window: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., changes: _Optional[int] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RouteOrigin(_message.Message):
    __slots__ = ("version", "protocol", "count", "most", "daemon", "gone")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    DAEMON_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    version: int
    protocol: str
    count: int
    most: int
    daemon: bool
    gone: _duration_pb2.Duration
    def __init__(self, version: _Optional[int] = ..., protocol: _Optional[str] = ..., count: _Optional[int] = ..., most: _Optional[int] = ..., daemon: _Optional[bool] = ..., gone: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RuleTool(_message.Message):
    __slots__ = ("pid", "comm", "age", "state", "wchan", "holds", "waits", "holder", "idle")
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WCHAN_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    pid: int
    comm: str
    age: _duration_pb2.Duration
    state: str
    wchan: str
    holds: bool
    waits: bool
    holder: str
    idle: bool
    def __init__(self, pid: _Optional[int] = ..., comm: _Optional[str] = ..., age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., state: _Optional[str] = ..., wchan: _Optional[str] = ..., holds: _Optional[bool] = ..., waits: _Optional[bool] = ..., holder: _Optional[str] = ..., idle: _Optional[bool] = ...) -> None: ...

class PacketFilter(_message.Message):
    __slots__ = ("counted", "tables", "changes", "last", "unread_reason")
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    UNREAD_REASON_FIELD_NUMBER: _ClassVar[int]
    counted: _duration_pb2.Duration
    tables: _containers.RepeatedCompositeFieldContainer[RuleTable]
    changes: int
    last: RuleChange
    unread_reason: str
    def __init__(self, counted: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., tables: _Optional[_Iterable[_Union[RuleTable, _Mapping]]] = ..., changes: _Optional[int] = ..., last: _Optional[_Union[RuleChange, _Mapping]] = ..., unread_reason: _Optional[str] = ...) -> None: ...

class RuleTable(_message.Message):
    __slots__ = ("backend", "family", "name", "entries", "chains", "hooked")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    HOOKED_FIELD_NUMBER: _ClassVar[int]
    backend: str
    family: str
    name: str
    entries: int
    chains: int
    hooked: int
    def __init__(self, backend: _Optional[str] = ..., family: _Optional[str] = ..., name: _Optional[str] = ..., entries: _Optional[int] = ..., chains: _Optional[int] = ..., hooked: _Optional[int] = ...) -> None: ...

class RuleChange(_message.Message):
    __slots__ = ("generation", "pid", "comm", "ago")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    AGO_FIELD_NUMBER: _ClassVar[int]
    generation: int
    pid: int
    comm: str
    ago: _duration_pb2.Duration
    def __init__(self, generation: _Optional[int] = ..., pid: _Optional[int] = ..., comm: _Optional[str] = ..., ago: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LocalPorts(_message.Message):
    __slots__ = ("total", "sockets", "used", "source", "destination", "port")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    total: int
    sockets: int
    used: int
    source: str
    destination: str
    port: int
    def __init__(self, total: _Optional[int] = ..., sockets: _Optional[int] = ..., used: _Optional[int] = ..., source: _Optional[str] = ..., destination: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...
