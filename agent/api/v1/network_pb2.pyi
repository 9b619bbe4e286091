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

class NamespaceHolding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NAMESPACE_HOLDING_UNSPECIFIED: _ClassVar[NamespaceHolding]
    NAMESPACE_HOLDING_HOST: _ClassVar[NamespaceHolding]
    NAMESPACE_HOLDING_POD: _ClassVar[NamespaceHolding]
    NAMESPACE_HOLDING_OWN: _ClassVar[NamespaceHolding]

class Datapath(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATAPATH_UNSPECIFIED: _ClassVar[Datapath]
    DATAPATH_HOST: _ClassVar[Datapath]
    DATAPATH_NONE: _ClassVar[Datapath]
    DATAPATH_BRIDGE: _ClassVar[Datapath]
    DATAPATH_ROUTED: _ClassVar[Datapath]
    DATAPATH_BPF: _ClassVar[Datapath]
    DATAPATH_UNATTACHED: _ClassVar[Datapath]
    DATAPATH_IPVLAN: _ClassVar[Datapath]
    DATAPATH_MACVLAN: _ClassVar[Datapath]
    DATAPATH_DEVICE: _ClassVar[Datapath]

class PathStep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PATH_STEP_UNSPECIFIED: _ClassVar[PathStep]
    PATH_STEP_NAMESPACE: _ClassVar[PathStep]
    PATH_STEP_LINK: _ClassVar[PathStep]
    PATH_STEP_ATTACHMENT: _ClassVar[PathStep]
    PATH_STEP_ADDRESS: _ClassVar[PathStep]
    PATH_STEP_ROUTES: _ClassVar[PathStep]
    PATH_STEP_NAT: _ClassVar[PathStep]

class StepState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_STATE_UNSPECIFIED: _ClassVar[StepState]
    STEP_STATE_OK: _ClassVar[StepState]
    STEP_STATE_BROKEN: _ClassVar[StepState]
    STEP_STATE_UNKNOWN: _ClassVar[StepState]
    STEP_STATE_UNREACHED: _ClassVar[StepState]
    STEP_STATE_UNUSED: _ClassVar[StepState]

class LeftoverKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEFTOVER_KIND_UNSPECIFIED: _ClassVar[LeftoverKind]
    LEFTOVER_KIND_NAMESPACE: _ClassVar[LeftoverKind]
    LEFTOVER_KIND_VETH: _ClassVar[LeftoverKind]
    LEFTOVER_KIND_ADDRESS: _ClassVar[LeftoverKind]
    LEFTOVER_KIND_CGROUP: _ClassVar[LeftoverKind]
NAMESPACE_HOLDING_UNSPECIFIED: NamespaceHolding
NAMESPACE_HOLDING_HOST: NamespaceHolding
NAMESPACE_HOLDING_POD: NamespaceHolding
NAMESPACE_HOLDING_OWN: NamespaceHolding
DATAPATH_UNSPECIFIED: Datapath
DATAPATH_HOST: Datapath
DATAPATH_NONE: Datapath
DATAPATH_BRIDGE: Datapath
DATAPATH_ROUTED: Datapath
DATAPATH_BPF: Datapath
DATAPATH_UNATTACHED: Datapath
DATAPATH_IPVLAN: Datapath
DATAPATH_MACVLAN: Datapath
DATAPATH_DEVICE: Datapath
PATH_STEP_UNSPECIFIED: PathStep
PATH_STEP_NAMESPACE: PathStep
PATH_STEP_LINK: PathStep
PATH_STEP_ATTACHMENT: PathStep
PATH_STEP_ADDRESS: PathStep
PATH_STEP_ROUTES: PathStep
PATH_STEP_NAT: PathStep
STEP_STATE_UNSPECIFIED: StepState
STEP_STATE_OK: StepState
STEP_STATE_BROKEN: StepState
STEP_STATE_UNKNOWN: StepState
STEP_STATE_UNREACHED: StepState
STEP_STATE_UNUSED: StepState
LEFTOVER_KIND_UNSPECIFIED: LeftoverKind
LEFTOVER_KIND_NAMESPACE: LeftoverKind
LEFTOVER_KIND_VETH: LeftoverKind
LEFTOVER_KIND_ADDRESS: LeftoverKind
LEFTOVER_KIND_CGROUP: LeftoverKind

class Namespace(_message.Message):
    __slots__ = ("kind", "inode", "holding")
    KIND_FIELD_NUMBER: _ClassVar[int]
    INODE_FIELD_NUMBER: _ClassVar[int]
    HOLDING_FIELD_NUMBER: _ClassVar[int]
    kind: str
    inode: int
    holding: NamespaceHolding
    def __init__(self, kind: _Optional[str] = ..., inode: _Optional[int] = ..., holding: _Optional[_Union[NamespaceHolding, str]] = ...) -> None: ...

class ContainerNamespaces(_message.Message):
    __slots__ = ("container", "sandbox", "pid", "namespaces", "unread_reason")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    UNREAD_REASON_FIELD_NUMBER: _ClassVar[int]
    container: _oom_pb2.Container
    sandbox: bool
    pid: int
    namespaces: _containers.RepeatedCompositeFieldContainer[Namespace]
    unread_reason: str
    def __init__(self, container: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., sandbox: _Optional[bool] = ..., pid: _Optional[int] = ..., namespaces: _Optional[_Iterable[_Union[Namespace, _Mapping]]] = ..., unread_reason: _Optional[str] = ...) -> None: ...

class NamedNamespace(_message.Message):
    __slots__ = ("name", "inode", "created", "processes", "problem", "pod")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INODE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    name: str
    inode: int
    created: _timestamp_pb2.Timestamp
    processes: int
    problem: str
    pod: _oom_pb2.Container
    def __init__(self, name: _Optional[str] = ..., inode: _Optional[int] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., processes: _Optional[int] = ..., problem: _Optional[str] = ..., pod: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ...) -> None: ...

class Stranger(_message.Message):
    __slots__ = ("pid", "comm", "cgroup", "namespaces")
    PID_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    pid: int
    comm: str
    cgroup: str
    namespaces: _containers.RepeatedCompositeFieldContainer[Namespace]
    def __init__(self, pid: _Optional[int] = ..., comm: _Optional[str] = ..., cgroup: _Optional[str] = ..., namespaces: _Optional[_Iterable[_Union[Namespace, _Mapping]]] = ...) -> None: ...

class NamespaceReport(_message.Message):
    __slots__ = ("at", "host", "containers", "named", "strangers", "strangers_cut")
    AT_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    NAMED_FIELD_NUMBER: _ClassVar[int]
    STRANGERS_FIELD_NUMBER: _ClassVar[int]
    STRANGERS_CUT_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    host: _containers.RepeatedCompositeFieldContainer[Namespace]
    containers: _containers.RepeatedCompositeFieldContainer[ContainerNamespaces]
    named: _containers.RepeatedCompositeFieldContainer[NamedNamespace]
    strangers: _containers.RepeatedCompositeFieldContainer[Stranger]
    strangers_cut: int
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., host: _Optional[_Iterable[_Union[Namespace, _Mapping]]] = ..., containers: _Optional[_Iterable[_Union[ContainerNamespaces, _Mapping]]] = ..., named: _Optional[_Iterable[_Union[NamedNamespace, _Mapping]]] = ..., strangers: _Optional[_Iterable[_Union[Stranger, _Mapping]]] = ..., strangers_cut: _Optional[int] = ...) -> None: ...

class NetworkStep(_message.Message):
    __slots__ = ("step", "state", "detail")
    STEP_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    step: PathStep
    state: StepState
    detail: str
    def __init__(self, step: _Optional[_Union[PathStep, str]] = ..., state: _Optional[_Union[StepState, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class InterfaceCounters(_message.Message):
    __slots__ = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped")
    RX_BYTES_FIELD_NUMBER: _ClassVar[int]
    TX_BYTES_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_FIELD_NUMBER: _ClassVar[int]
    RX_ERRORS_FIELD_NUMBER: _ClassVar[int]
    TX_ERRORS_FIELD_NUMBER: _ClassVar[int]
    RX_DROPPED_FIELD_NUMBER: _ClassVar[int]
    TX_DROPPED_FIELD_NUMBER: _ClassVar[int]
    rx_bytes: int
    tx_bytes: int
    rx_packets: int
    tx_packets: int
    rx_errors: int
    tx_errors: int
    rx_dropped: int
    tx_dropped: int
    def __init__(self, rx_bytes: _Optional[int] = ..., tx_bytes: _Optional[int] = ..., rx_packets: _Optional[int] = ..., tx_packets: _Optional[int] = ..., rx_errors: _Optional[int] = ..., tx_errors: _Optional[int] = ..., rx_dropped: _Optional[int] = ..., tx_dropped: _Optional[int] = ...) -> None: ...

class PodNetwork(_message.Message):
    __slots__ = ("pod", "datapath", "steps", "broken", "pid", "inode", "cookie", "name", "interface", "host_interface", "attached_to", "addresses", "gateway", "mtu", "counters", "tcp_retransmits")
    POD_FIELD_NUMBER: _ClassVar[int]
    DATAPATH_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    INODE_FIELD_NUMBER: _ClassVar[int]
    COOKIE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    HOST_INTERFACE_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_TO_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    TCP_RETRANSMITS_FIELD_NUMBER: _ClassVar[int]
    pod: _oom_pb2.Container
    datapath: Datapath
    steps: _containers.RepeatedCompositeFieldContainer[NetworkStep]
    broken: PathStep
    pid: int
    inode: int
    cookie: int
    name: str
    interface: str
    host_interface: str
    attached_to: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    gateway: str
    mtu: int
    counters: InterfaceCounters
    tcp_retransmits: int
    def __init__(self, pod: _Optional[_Union[_oom_pb2.Container, _Mapping]] = ..., datapath: _Optional[_Union[Datapath, str]] = ..., steps: _Optional[_Iterable[_Union[NetworkStep, _Mapping]]] = ..., broken: _Optional[_Union[PathStep, str]] = ..., pid: _Optional[int] = ..., inode: _Optional[int] = ..., cookie: _Optional[int] = ..., name: _Optional[str] = ..., interface: _Optional[str] = ..., host_interface: _Optional[str] = ..., attached_to: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., gateway: _Optional[str] = ..., mtu: _Optional[int] = ..., counters: _Optional[_Union[InterfaceCounters, _Mapping]] = ..., tcp_retransmits: _Optional[int] = ...) -> None: ...

class Leftover(_message.Message):
    __slots__ = ("kind", "name", "unused", "created", "inode", "detail", "owner")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNUSED_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    INODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    kind: LeftoverKind
    name: str
    unused: _duration_pb2.Duration
    created: _timestamp_pb2.Timestamp
    inode: int
    detail: str
    owner: str
    def __init__(self, kind: _Optional[_Union[LeftoverKind, str]] = ..., name: _Optional[str] = ..., unused: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., inode: _Optional[int] = ..., detail: _Optional[str] = ..., owner: _Optional[str] = ...) -> None: ...

class AddressPool(_message.Message):
    __slots__ = ("network", "directory", "ranges", "total", "used", "free", "leaked", "unread_reason")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    FREE_FIELD_NUMBER: _ClassVar[int]
    LEAKED_FIELD_NUMBER: _ClassVar[int]
    UNREAD_REASON_FIELD_NUMBER: _ClassVar[int]
    network: str
    directory: str
    ranges: _containers.RepeatedScalarFieldContainer[str]
    total: int
    used: int
    free: int
    leaked: int
    unread_reason: str
    def __init__(self, network: _Optional[str] = ..., directory: _Optional[str] = ..., ranges: _Optional[_Iterable[str]] = ..., total: _Optional[int] = ..., used: _Optional[int] = ..., free: _Optional[int] = ..., leaked: _Optional[int] = ..., unread_reason: _Optional[str] = ...) -> None: ...

class NetworkReport(_message.Message):
    __slots__ = ("at", "pods", "leftovers", "pools")
    AT_FIELD_NUMBER: _ClassVar[int]
    PODS_FIELD_NUMBER: _ClassVar[int]
    LEFTOVERS_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    pods: _containers.RepeatedCompositeFieldContainer[PodNetwork]
    leftovers: _containers.RepeatedCompositeFieldContainer[Leftover]
    pools: _containers.RepeatedCompositeFieldContainer[AddressPool]
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pods: _Optional[_Iterable[_Union[PodNetwork, _Mapping]]] = ..., leftovers: _Optional[_Iterable[_Union[Leftover, _Mapping]]] = ..., pools: _Optional[_Iterable[_Union[AddressPool, _Mapping]]] = ...) -> None: ...
