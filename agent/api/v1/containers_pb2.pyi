import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContainerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTAINER_KIND_CONTAINER: _ClassVar[ContainerKind]
    CONTAINER_KIND_SANDBOX: _ClassVar[ContainerKind]
    CONTAINER_KIND_SERVICE: _ClassVar[ContainerKind]

class CgroupState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CGROUP_STATE_UNKNOWN: _ClassVar[CgroupState]
    CGROUP_STATE_RUNNING: _ClassVar[CgroupState]
    CGROUP_STATE_EMPTY: _ClassVar[CgroupState]
    CGROUP_STATE_FROZEN: _ClassVar[CgroupState]
CONTAINER_KIND_CONTAINER: ContainerKind
CONTAINER_KIND_SANDBOX: ContainerKind
CONTAINER_KIND_SERVICE: ContainerKind
CGROUP_STATE_UNKNOWN: CgroupState
CGROUP_STATE_RUNNING: CgroupState
CGROUP_STATE_EMPTY: CgroupState
CGROUP_STATE_FROZEN: CgroupState

class ContainerUsage(_message.Message):
    __slots__ = ("kind", "namespace", "pod", "pod_uid", "container", "container_id", "names_from", "unit", "cgroup", "qos", "state", "init_pid", "started", "usage")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    POD_UID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FROM_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    QOS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    INIT_PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    kind: ContainerKind
    namespace: str
    pod: str
    pod_uid: str
    container: str
    container_id: str
    names_from: str
    unit: str
    cgroup: str
    qos: str
    state: CgroupState
    init_pid: int
    started: _timestamp_pb2.Timestamp
    usage: Usage
    def __init__(self, kind: _Optional[_Union[ContainerKind, str]] = ..., namespace: _Optional[str] = ..., pod: _Optional[str] = ..., pod_uid: _Optional[str] = ..., container: _Optional[str] = ..., container_id: _Optional[str] = ..., names_from: _Optional[str] = ..., unit: _Optional[str] = ..., cgroup: _Optional[str] = ..., qos: _Optional[str] = ..., state: _Optional[_Union[CgroupState, str]] = ..., init_pid: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class PodUsage(_message.Message):
    __slots__ = ("namespace", "pod", "pod_uid", "names_from", "cgroup", "qos", "state", "containers", "running", "started", "usage")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    POD_UID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FROM_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    QOS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    pod_uid: str
    names_from: str
    cgroup: str
    qos: str
    state: CgroupState
    containers: int
    running: int
    started: _timestamp_pb2.Timestamp
    usage: Usage
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ..., pod_uid: _Optional[str] = ..., names_from: _Optional[str] = ..., cgroup: _Optional[str] = ..., qos: _Optional[str] = ..., state: _Optional[_Union[CgroupState, str]] = ..., containers: _Optional[int] = ..., running: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("at", "memory", "cpu", "io", "pids", "pids_limit", "cpu_pressure", "memory_pressure", "io_pressure", "rates_over")
    class Memory(_message.Message):
        __slots__ = ("current", "working_set", "anon", "file", "kernel", "shmem", "swap", "peak", "limit", "high", "min", "limit_hits", "high_hits", "oom_kills", "growth", "time_to_limit")
        CURRENT_FIELD_NUMBER: _ClassVar[int]
        WORKING_SET_FIELD_NUMBER: _ClassVar[int]
        ANON_FIELD_NUMBER: _ClassVar[int]
        FILE_FIELD_NUMBER: _ClassVar[int]
        KERNEL_FIELD_NUMBER: _ClassVar[int]
        SHMEM_FIELD_NUMBER: _ClassVar[int]
        SWAP_FIELD_NUMBER: _ClassVar[int]
        PEAK_FIELD_NUMBER: _ClassVar[int]
        LIMIT_FIELD_NUMBER: _ClassVar[int]
        HIGH_FIELD_NUMBER: _ClassVar[int]
        MIN_FIELD_NUMBER: _ClassVar[int]
        LIMIT_HITS_FIELD_NUMBER: _ClassVar[int]
        HIGH_HITS_FIELD_NUMBER: _ClassVar[int]
        OOM_KILLS_FIELD_NUMBER: _ClassVar[int]
        GROWTH_FIELD_NUMBER: _ClassVar[int]
        TIME_TO_LIMIT_FIELD_NUMBER: _ClassVar[int]
        current: int
        working_set: int
        anon: int
        file: int
        kernel: int
        shmem: int
        swap: int
        peak: int
        limit: int
        high: int
        min: int
        limit_hits: int
        high_hits: int
        oom_kills: int
        growth: float
        time_to_limit: _duration_pb2.Duration
        def __init__(self, current: _Optional[int] = ..., working_set: _Optional[int] = ..., anon: _Optional[int] = ..., file: _Optional[int] = ..., kernel: _Optional[int] = ..., shmem: _Optional[int] = ..., swap: _Optional[int] = ..., peak: _Optional[int] = ..., limit: _Optional[int] = ..., high: _Optional[int] = ..., min: _Optional[int] = ..., limit_hits: _Optional[int] = ..., high_hits: _Optional[int] = ..., oom_kills: _Optional[int] = ..., growth: _Optional[float] = ..., time_to_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
    class CPU(_message.Message):
        __slots__ = ("used", "user", "system", "cores", "limit_cores", "weight", "periods", "throttled_periods", "throttled", "throttled_ratio")
        USED_FIELD_NUMBER: _ClassVar[int]
        USER_FIELD_NUMBER: _ClassVar[int]
        SYSTEM_FIELD_NUMBER: _ClassVar[int]
        CORES_FIELD_NUMBER: _ClassVar[int]
        LIMIT_CORES_FIELD_NUMBER: _ClassVar[int]
        WEIGHT_FIELD_NUMBER: _ClassVar[int]
        PERIODS_FIELD_NUMBER: _ClassVar[int]
        THROTTLED_PERIODS_FIELD_NUMBER: _ClassVar[int]
        THROTTLED_FIELD_NUMBER: _ClassVar[int]
        THROTTLED_RATIO_FIELD_NUMBER: _ClassVar[int]
        used: _duration_pb2.Duration
        user: _duration_pb2.Duration
        system: _duration_pb2.Duration
        cores: float
        limit_cores: float
        weight: int
        periods: int
        throttled_periods: int
        throttled: _duration_pb2.Duration
        throttled_ratio: float
        def __init__(self, used: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., user: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., system: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cores: _Optional[float] = ..., limit_cores: _Optional[float] = ..., weight: _Optional[int] = ..., periods: _Optional[int] = ..., throttled_periods: _Optional[int] = ..., throttled: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., throttled_ratio: _Optional[float] = ...) -> None: ...
    class IO(_message.Message):
        __slots__ = ("read_bytes", "written_bytes", "reads", "writes", "read_bytes_per_second", "written_bytes_per_second")
        READ_BYTES_FIELD_NUMBER: _ClassVar[int]
        WRITTEN_BYTES_FIELD_NUMBER: _ClassVar[int]
        READS_FIELD_NUMBER: _ClassVar[int]
        WRITES_FIELD_NUMBER: _ClassVar[int]
        READ_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
        WRITTEN_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
        read_bytes: int
        written_bytes: int
        reads: int
        writes: int
        read_bytes_per_second: float
        written_bytes_per_second: float
        def __init__(self, read_bytes: _Optional[int] = ..., written_bytes: _Optional[int] = ..., reads: _Optional[int] = ..., writes: _Optional[int] = ..., read_bytes_per_second: _Optional[float] = ..., written_bytes_per_second: _Optional[float] = ...) -> None: ...
    class Stall(_message.Message):
        __slots__ = ("waiting", "stalled", "waiting_ratio", "stalled_ratio")
        WAITING_FIELD_NUMBER: _ClassVar[int]
        STALLED_FIELD_NUMBER: _ClassVar[int]
        WAITING_RATIO_FIELD_NUMBER: _ClassVar[int]
        STALLED_RATIO_FIELD_NUMBER: _ClassVar[int]
        waiting: _duration_pb2.Duration
        stalled: _duration_pb2.Duration
        waiting_ratio: float
        stalled_ratio: float
        def __init__(self, waiting: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stalled: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., waiting_ratio: _Optional[float] = ..., stalled_ratio: _Optional[float] = ...) -> None: ...
    AT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    IO_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    PIDS_LIMIT_FIELD_NUMBER: _ClassVar[int]
    CPU_PRESSURE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PRESSURE_FIELD_NUMBER: _ClassVar[int]
    IO_PRESSURE_FIELD_NUMBER: _ClassVar[int]
    RATES_OVER_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    memory: Usage.Memory
    cpu: Usage.CPU
    io: Usage.IO
    pids: int
    pids_limit: int
    cpu_pressure: Usage.Stall
    memory_pressure: Usage.Stall
    io_pressure: Usage.Stall
    rates_over: _duration_pb2.Duration
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., memory: _Optional[_Union[Usage.Memory, _Mapping]] = ..., cpu: _Optional[_Union[Usage.CPU, _Mapping]] = ..., io: _Optional[_Union[Usage.IO, _Mapping]] = ..., pids: _Optional[int] = ..., pids_limit: _Optional[int] = ..., cpu_pressure: _Optional[_Union[Usage.Stall, _Mapping]] = ..., memory_pressure: _Optional[_Union[Usage.Stall, _Mapping]] = ..., io_pressure: _Optional[_Union[Usage.Stall, _Mapping]] = ..., rates_over: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
