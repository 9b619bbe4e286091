import datetime

from agent.api.v1 import cni_pb2 as _cni_pb2
from agent.api.v1 import condition_pb2 as _condition_pb2
from agent.api.v1 import containers_pb2 as _containers_pb2
from agent.api.v1 import cpu_pb2 as _cpu_pb2
from agent.api.v1 import event_pb2 as _event_pb2
from agent.api.v1 import exits_pb2 as _exits_pb2
from agent.api.v1 import heartbeat_pb2 as _heartbeat_pb2
from agent.api.v1 import io_pb2 as _io_pb2
from agent.api.v1 import kubelet_pb2 as _kubelet_pb2
from agent.api.v1 import memory_pb2 as _memory_pb2
from agent.api.v1 import network_pb2 as _network_pb2
from agent.api.v1 import oom_pb2 as _oom_pb2
from agent.api.v1 import plumbing_pb2 as _plumbing_pb2
from agent.api.v1 import pressure_pb2 as _pressure_pb2
from agent.api.v1 import pulls_pb2 as _pulls_pb2
from agent.api.v1 import runtime_pb2 as _runtime_pb2
from agent.api.v1 import status_pb2 as _status_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ListOOMIncidentsRequest(_message.Message):
    __slots__ = ("since", "namespace", "pod", "hidden", "limit", "exclude_drills", "disagreements")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_DRILLS_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    namespace: str
    pod: str
    hidden: bool
    limit: int
    exclude_drills: bool
    disagreements: bool
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., namespace: _Optional[str] = ..., pod: _Optional[str] = ..., hidden: _Optional[bool] = ..., limit: _Optional[int] = ..., exclude_drills: _Optional[bool] = ..., disagreements: _Optional[bool] = ...) -> None: ...

class ListOOMIncidentsResponse(_message.Message):
    __slots__ = ("incidents", "books", "truncated", "oldest_held")
    INCIDENTS_FIELD_NUMBER: _ClassVar[int]
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    OLDEST_HELD_FIELD_NUMBER: _ClassVar[int]
    incidents: _containers.RepeatedCompositeFieldContainer[_oom_pb2.OOMIncident]
    books: _oom_pb2.OOMBooks
    truncated: bool
    oldest_held: _timestamp_pb2.Timestamp
    def __init__(self, incidents: _Optional[_Iterable[_Union[_oom_pb2.OOMIncident, _Mapping]]] = ..., books: _Optional[_Union[_oom_pb2.OOMBooks, _Mapping]] = ..., truncated: _Optional[bool] = ..., oldest_held: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListExitsRequest(_message.Message):
    __slots__ = ("since", "namespace", "pod", "container", "verdicts", "limit")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    namespace: str
    pod: str
    container: str
    verdicts: _containers.RepeatedScalarFieldContainer[_exits_pb2.Verdict]
    limit: int
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., namespace: _Optional[str] = ..., pod: _Optional[str] = ..., container: _Optional[str] = ..., verdicts: _Optional[_Iterable[_Union[_exits_pb2.Verdict, str]]] = ..., limit: _Optional[int] = ...) -> None: ...

class ListExitsResponse(_message.Message):
    __slots__ = ("exits", "truncated", "oldest_held")
    EXITS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    OLDEST_HELD_FIELD_NUMBER: _ClassVar[int]
    exits: _containers.RepeatedCompositeFieldContainer[_exits_pb2.ContainerDeath]
    truncated: bool
    oldest_held: _timestamp_pb2.Timestamp
    def __init__(self, exits: _Optional[_Iterable[_Union[_exits_pb2.ContainerDeath, _Mapping]]] = ..., truncated: _Optional[bool] = ..., oldest_held: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("resume", "namespace", "pod")
    RESUME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    resume: _event_pb2.ResumeToken
    namespace: str
    pod: str
    def __init__(self, resume: _Optional[_Union[_event_pb2.ResumeToken, _Mapping]] = ..., namespace: _Optional[str] = ..., pod: _Optional[str] = ...) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("events", "gap", "position")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    gap: _event_pb2.StreamGap
    position: _event_pb2.ResumeToken
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., gap: _Optional[_Union[_event_pb2.StreamGap, _Mapping]] = ..., position: _Optional[_Union[_event_pb2.ResumeToken, _Mapping]] = ...) -> None: ...

class GetMemoryRequest(_message.Message):
    __slots__ = ("eaters",)
    EATERS_FIELD_NUMBER: _ClassVar[int]
    eaters: int
    def __init__(self, eaters: _Optional[int] = ...) -> None: ...

class GetMemoryResponse(_message.Message):
    __slots__ = ("memory",)
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    memory: _memory_pb2.MemoryReport
    def __init__(self, memory: _Optional[_Union[_memory_pb2.MemoryReport, _Mapping]] = ...) -> None: ...

class GetPressureRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPressureResponse(_message.Message):
    __slots__ = ("pressure",)
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    pressure: _pressure_pb2.PressureReport
    def __init__(self, pressure: _Optional[_Union[_pressure_pb2.PressureReport, _Mapping]] = ...) -> None: ...

class ListConditionsRequest(_message.Message):
    __slots__ = ("statuses", "types", "severities", "namespace", "pod", "all")
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    SEVERITIES_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedScalarFieldContainer[_condition_pb2.ConditionStatus]
    types: _containers.RepeatedScalarFieldContainer[str]
    severities: _containers.RepeatedScalarFieldContainer[_condition_pb2.Severity]
    namespace: str
    pod: str
    all: bool
    def __init__(self, statuses: _Optional[_Iterable[_Union[_condition_pb2.ConditionStatus, str]]] = ..., types: _Optional[_Iterable[str]] = ..., severities: _Optional[_Iterable[_Union[_condition_pb2.Severity, str]]] = ..., namespace: _Optional[str] = ..., pod: _Optional[str] = ..., all: _Optional[bool] = ...) -> None: ...

class ListConditionsResponse(_message.Message):
    __slots__ = ("conditions", "truncated", "left_out")
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    conditions: _containers.RepeatedCompositeFieldContainer[_condition_pb2.Condition]
    truncated: bool
    left_out: int
    def __init__(self, conditions: _Optional[_Iterable[_Union[_condition_pb2.Condition, _Mapping]]] = ..., truncated: _Optional[bool] = ..., left_out: _Optional[int] = ...) -> None: ...

class ListContainersRequest(_message.Message):
    __slots__ = ("namespace", "pod", "sandboxes", "services")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    SANDBOXES_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    sandboxes: bool
    services: bool
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ..., sandboxes: _Optional[bool] = ..., services: _Optional[bool] = ...) -> None: ...

class ListContainersResponse(_message.Message):
    __slots__ = ("containers", "truncated", "missed")
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    containers: _containers.RepeatedCompositeFieldContainer[_containers_pb2.ContainerUsage]
    truncated: bool
    missed: int
    def __init__(self, containers: _Optional[_Iterable[_Union[_containers_pb2.ContainerUsage, _Mapping]]] = ..., truncated: _Optional[bool] = ..., missed: _Optional[int] = ...) -> None: ...

class ListPodsRequest(_message.Message):
    __slots__ = ("namespace", "pod")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ...) -> None: ...

class ListPodsResponse(_message.Message):
    __slots__ = ("pods", "truncated", "missed")
    PODS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    pods: _containers.RepeatedCompositeFieldContainer[_containers_pb2.PodUsage]
    truncated: bool
    missed: int
    def __init__(self, pods: _Optional[_Iterable[_Union[_containers_pb2.PodUsage, _Mapping]]] = ..., truncated: _Optional[bool] = ..., missed: _Optional[int] = ...) -> None: ...

class ListCNICallsRequest(_message.Message):
    __slots__ = ("namespace", "pod", "commands", "states", "limit")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    commands: _containers.RepeatedScalarFieldContainer[str]
    states: _containers.RepeatedScalarFieldContainer[_cni_pb2.CNICallState]
    limit: int
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ..., commands: _Optional[_Iterable[str]] = ..., states: _Optional[_Iterable[_Union[_cni_pb2.CNICallState, str]]] = ..., limit: _Optional[int] = ...) -> None: ...

class ListCNICallsResponse(_message.Message):
    __slots__ = ("cni", "truncated")
    CNI_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    cni: _cni_pb2.CNIReport
    truncated: bool
    def __init__(self, cni: _Optional[_Union[_cni_pb2.CNIReport, _Mapping]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("namespace", "pod")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "truncated")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    namespaces: _network_pb2.NamespaceReport
    truncated: bool
    def __init__(self, namespaces: _Optional[_Union[_network_pb2.NamespaceReport, _Mapping]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class ListPodNetworksRequest(_message.Message):
    __slots__ = ("namespace", "pod", "broken")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    broken: bool
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ..., broken: _Optional[bool] = ...) -> None: ...

class ListPodNetworksResponse(_message.Message):
    __slots__ = ("network", "truncated")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    network: _network_pb2.NetworkReport
    truncated: bool
    def __init__(self, network: _Optional[_Union[_network_pb2.NetworkReport, _Mapping]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class GetPlumbingRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPlumbingResponse(_message.Message):
    __slots__ = ("plumbing",)
    PLUMBING_FIELD_NUMBER: _ClassVar[int]
    plumbing: _plumbing_pb2.PlumbingReport
    def __init__(self, plumbing: _Optional[_Union[_plumbing_pb2.PlumbingReport, _Mapping]] = ...) -> None: ...

class GetRuntimeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRuntimeResponse(_message.Message):
    __slots__ = ("runtime",)
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    runtime: _runtime_pb2.RuntimeReport
    def __init__(self, runtime: _Optional[_Union[_runtime_pb2.RuntimeReport, _Mapping]] = ...) -> None: ...

class ListPullsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPullsResponse(_message.Message):
    __slots__ = ("pulls",)
    PULLS_FIELD_NUMBER: _ClassVar[int]
    pulls: _pulls_pb2.PullReport
    def __init__(self, pulls: _Optional[_Union[_pulls_pb2.PullReport, _Mapping]] = ...) -> None: ...

class GetHeartbeatRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHeartbeatResponse(_message.Message):
    __slots__ = ("heartbeat",)
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    heartbeat: _heartbeat_pb2.HeartbeatReport
    def __init__(self, heartbeat: _Optional[_Union[_heartbeat_pb2.HeartbeatReport, _Mapping]] = ...) -> None: ...

class GetKubeletRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetKubeletResponse(_message.Message):
    __slots__ = ("kubelet",)
    KUBELET_FIELD_NUMBER: _ClassVar[int]
    kubelet: _kubelet_pb2.KubeletReport
    def __init__(self, kubelet: _Optional[_Union[_kubelet_pb2.KubeletReport, _Mapping]] = ...) -> None: ...

class GetCPURequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCPUResponse(_message.Message):
    __slots__ = ("cpu",)
    CPU_FIELD_NUMBER: _ClassVar[int]
    cpu: _cpu_pb2.CPUReport
    def __init__(self, cpu: _Optional[_Union[_cpu_pb2.CPUReport, _Mapping]] = ...) -> None: ...

class ListDevicesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDevicesResponse(_message.Message):
    __slots__ = ("io",)
    IO_FIELD_NUMBER: _ClassVar[int]
    io: _io_pb2.DiskReport
    def __init__(self, io: _Optional[_Union[_io_pb2.DiskReport, _Mapping]] = ...) -> None: ...

class ListBlockedTasksRequest(_message.Message):
    __slots__ = ("namespace", "pod")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ...) -> None: ...

class ListBlockedTasksResponse(_message.Message):
    __slots__ = ("blocked",)
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    blocked: _io_pb2.BlockedReport
    def __init__(self, blocked: _Optional[_Union[_io_pb2.BlockedReport, _Mapping]] = ...) -> None: ...
