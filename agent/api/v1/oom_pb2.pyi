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

class Witness(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WITNESS_UNSPECIFIED: _ClassVar[Witness]
    WITNESS_VMSTAT: _ClassVar[Witness]
    WITNESS_MEMORY_EVENTS: _ClassVar[Witness]
    WITNESS_KMSG: _ClassVar[Witness]
    WITNESS_TRACE: _ClassVar[Witness]
    WITNESS_EXIT: _ClassVar[Witness]

class Attribution(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTRIBUTION_UNSPECIFIED: _ClassVar[Attribution]
    ATTRIBUTION_PROC: _ClassVar[Attribution]
    ATTRIBUTION_KMSG_HEADER: _ClassVar[Attribution]
    ATTRIBUTION_KMSG_GROUP: _ClassVar[Attribution]
    ATTRIBUTION_COUNTER: _ClassVar[Attribution]
    ATTRIBUTION_PROBE: _ClassVar[Attribution]
    ATTRIBUTION_RECORDER: _ClassVar[Attribution]
    ATTRIBUTION_SCAN: _ClassVar[Attribution]

class Confidence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONFIDENCE_UNSPECIFIED: _ClassVar[Confidence]
    CONFIDENCE_LOW: _ClassVar[Confidence]
    CONFIDENCE_MEDIUM: _ClassVar[Confidence]
    CONFIDENCE_HIGH: _ClassVar[Confidence]

class LimitLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIMIT_LEVEL_UNSPECIFIED: _ClassVar[LimitLevel]
    LIMIT_LEVEL_CONTAINER: _ClassVar[LimitLevel]
    LIMIT_LEVEL_POD: _ClassVar[LimitLevel]
    LIMIT_LEVEL_QOS: _ClassVar[LimitLevel]
    LIMIT_LEVEL_KUBEPODS: _ClassVar[LimitLevel]
    LIMIT_LEVEL_NESTED: _ClassVar[LimitLevel]
    LIMIT_LEVEL_SYSTEM: _ClassVar[LimitLevel]
    LIMIT_LEVEL_NODE: _ClassVar[LimitLevel]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_SURVIVED: _ClassVar[Outcome]
    OUTCOME_DIED: _ClassVar[Outcome]
    OUTCOME_UNKNOWN: _ClassVar[Outcome]

class Truth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRUTH_UNSPECIFIED: _ClassVar[Truth]
    TRUTH_YES: _ClassVar[Truth]
    TRUTH_NO: _ClassVar[Truth]
    TRUTH_UNKNOWN: _ClassVar[Truth]

class Disagreement(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISAGREEMENT_UNSPECIFIED: _ClassVar[Disagreement]
    DISAGREEMENT_KILL_NOT_REPORTED: _ClassVar[Disagreement]
    DISAGREEMENT_REPORTED_WITHOUT_DEATH: _ClassVar[Disagreement]
    DISAGREEMENT_KERNEL_COUNTED_NONE: _ClassVar[Disagreement]

class ExitTeller(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXIT_TELLER_UNSPECIFIED: _ClassVar[ExitTeller]
    EXIT_TELLER_KERNEL: _ClassVar[ExitTeller]
    EXIT_TELLER_RUNTIME: _ClassVar[ExitTeller]
WITNESS_UNSPECIFIED: Witness
WITNESS_VMSTAT: Witness
WITNESS_MEMORY_EVENTS: Witness
WITNESS_KMSG: Witness
WITNESS_TRACE: Witness
WITNESS_EXIT: Witness
ATTRIBUTION_UNSPECIFIED: Attribution
ATTRIBUTION_PROC: Attribution
ATTRIBUTION_KMSG_HEADER: Attribution
ATTRIBUTION_KMSG_GROUP: Attribution
ATTRIBUTION_COUNTER: Attribution
ATTRIBUTION_PROBE: Attribution
ATTRIBUTION_RECORDER: Attribution
ATTRIBUTION_SCAN: Attribution
CONFIDENCE_UNSPECIFIED: Confidence
CONFIDENCE_LOW: Confidence
CONFIDENCE_MEDIUM: Confidence
CONFIDENCE_HIGH: Confidence
LIMIT_LEVEL_UNSPECIFIED: LimitLevel
LIMIT_LEVEL_CONTAINER: LimitLevel
LIMIT_LEVEL_POD: LimitLevel
LIMIT_LEVEL_QOS: LimitLevel
LIMIT_LEVEL_KUBEPODS: LimitLevel
LIMIT_LEVEL_NESTED: LimitLevel
LIMIT_LEVEL_SYSTEM: LimitLevel
LIMIT_LEVEL_NODE: LimitLevel
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_SURVIVED: Outcome
OUTCOME_DIED: Outcome
OUTCOME_UNKNOWN: Outcome
TRUTH_UNSPECIFIED: Truth
TRUTH_YES: Truth
TRUTH_NO: Truth
TRUTH_UNKNOWN: Truth
DISAGREEMENT_UNSPECIFIED: Disagreement
DISAGREEMENT_KILL_NOT_REPORTED: Disagreement
DISAGREEMENT_REPORTED_WITHOUT_DEATH: Disagreement
DISAGREEMENT_KERNEL_COUNTED_NONE: Disagreement
EXIT_TELLER_UNSPECIFIED: ExitTeller
EXIT_TELLER_KERNEL: ExitTeller
EXIT_TELLER_RUNTIME: ExitTeller

class ContainerExit(_message.Message):
    __slots__ = ("exit_code", "signal", "time", "told_by")
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TOLD_BY_FIELD_NUMBER: _ClassVar[int]
    exit_code: int
    signal: int
    time: _timestamp_pb2.Timestamp
    told_by: ExitTeller
    def __init__(self, exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., told_by: _Optional[_Union[ExitTeller, str]] = ...) -> None: ...

class Victim(_message.Message):
    __slots__ = ("pid", "namespace_pid", "start_boottime_ns", "comm", "uid", "oom_score_adj", "total_vm_bytes", "anon_rss_bytes", "file_rss_bytes", "shmem_rss_bytes", "page_tables_bytes", "container_init", "cgroup", "attribution", "witnesses", "kmsg_sequence", "repeats")
    PID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_PID_FIELD_NUMBER: _ClassVar[int]
    START_BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    COMM_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    OOM_SCORE_ADJ_FIELD_NUMBER: _ClassVar[int]
    TOTAL_VM_BYTES_FIELD_NUMBER: _ClassVar[int]
    ANON_RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILE_RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHMEM_RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_TABLES_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_INIT_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    WITNESSES_FIELD_NUMBER: _ClassVar[int]
    KMSG_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REPEATS_FIELD_NUMBER: _ClassVar[int]
    pid: int
    namespace_pid: int
    start_boottime_ns: int
    comm: str
    uid: int
    oom_score_adj: int
    total_vm_bytes: int
    anon_rss_bytes: int
    file_rss_bytes: int
    shmem_rss_bytes: int
    page_tables_bytes: int
    container_init: Truth
    cgroup: str
    attribution: Attribution
    witnesses: _containers.RepeatedScalarFieldContainer[Witness]
    kmsg_sequence: int
    repeats: int
    def __init__(self, pid: _Optional[int] = ..., namespace_pid: _Optional[int] = ..., start_boottime_ns: _Optional[int] = ..., comm: _Optional[str] = ..., uid: _Optional[int] = ..., oom_score_adj: _Optional[int] = ..., total_vm_bytes: _Optional[int] = ..., anon_rss_bytes: _Optional[int] = ..., file_rss_bytes: _Optional[int] = ..., shmem_rss_bytes: _Optional[int] = ..., page_tables_bytes: _Optional[int] = ..., container_init: _Optional[_Union[Truth, str]] = ..., cgroup: _Optional[str] = ..., attribution: _Optional[_Union[Attribution, str]] = ..., witnesses: _Optional[_Iterable[_Union[Witness, str]]] = ..., kmsg_sequence: _Optional[int] = ..., repeats: _Optional[int] = ...) -> None: ...

class Container(_message.Message):
    __slots__ = ("namespace", "pod", "pod_uid", "name", "id", "names_from")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    POD_UID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FROM_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    pod: str
    pod_uid: str
    name: str
    id: str
    names_from: str
    def __init__(self, namespace: _Optional[str] = ..., pod: _Optional[str] = ..., pod_uid: _Optional[str] = ..., name: _Optional[str] = ..., id: _Optional[str] = ..., names_from: _Optional[str] = ...) -> None: ...

class OOMIncident(_message.Message):
    __slots__ = ("id", "revision", "boottime_ns", "time", "constraint", "limit_level", "limit_cgroup", "limit_bytes", "trigger_comm", "victims", "container", "unit", "group_kill", "outcome", "hidden", "runtime_says", "confidence", "drill", "unattributed", "counted", "disagreement", "container_exit", "moved_from")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BOOTTIME_NS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_CGROUP_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_COMM_FIELD_NUMBER: _ClassVar[int]
    VICTIMS_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    GROUP_KILL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_SAYS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    DRILL_FIELD_NUMBER: _ClassVar[int]
    UNATTRIBUTED_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_EXIT_FIELD_NUMBER: _ClassVar[int]
    MOVED_FROM_FIELD_NUMBER: _ClassVar[int]
    id: str
    revision: int
    boottime_ns: int
    time: _timestamp_pb2.Timestamp
    constraint: str
    limit_level: LimitLevel
    limit_cgroup: str
    limit_bytes: int
    trigger_comm: str
    victims: _containers.RepeatedCompositeFieldContainer[Victim]
    container: Container
    unit: str
    group_kill: bool
    outcome: Outcome
    hidden: Truth
    runtime_says: str
    confidence: Confidence
    drill: bool
    unattributed: bool
    counted: int
    disagreement: Disagreement
    container_exit: ContainerExit
    moved_from: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., revision: _Optional[int] = ..., boottime_ns: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., constraint: _Optional[str] = ..., limit_level: _Optional[_Union[LimitLevel, str]] = ..., limit_cgroup: _Optional[str] = ..., limit_bytes: _Optional[int] = ..., trigger_comm: _Optional[str] = ..., victims: _Optional[_Iterable[_Union[Victim, _Mapping]]] = ..., container: _Optional[_Union[Container, _Mapping]] = ..., unit: _Optional[str] = ..., group_kill: _Optional[bool] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., hidden: _Optional[_Union[Truth, str]] = ..., runtime_says: _Optional[str] = ..., confidence: _Optional[_Union[Confidence, str]] = ..., drill: _Optional[bool] = ..., unattributed: _Optional[bool] = ..., counted: _Optional[int] = ..., disagreement: _Optional[_Union[Disagreement, str]] = ..., container_exit: _Optional[_Union[ContainerExit, _Mapping]] = ..., moved_from: _Optional[_Iterable[str]] = ...) -> None: ...

class OOMBooks(_message.Message):
    __slots__ = ("counted", "victims", "repeats", "unattributed", "unattributed_before_start", "pending", "drill_victims", "balanced", "settle", "disbelieved", "overdue")
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    VICTIMS_FIELD_NUMBER: _ClassVar[int]
    REPEATS_FIELD_NUMBER: _ClassVar[int]
    UNATTRIBUTED_FIELD_NUMBER: _ClassVar[int]
    UNATTRIBUTED_BEFORE_START_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    DRILL_VICTIMS_FIELD_NUMBER: _ClassVar[int]
    BALANCED_FIELD_NUMBER: _ClassVar[int]
    SETTLE_FIELD_NUMBER: _ClassVar[int]
    DISBELIEVED_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_FIELD_NUMBER: _ClassVar[int]
    counted: int
    victims: int
    repeats: int
    unattributed: int
    unattributed_before_start: int
    pending: int
    drill_victims: int
    balanced: bool
    settle: _duration_pb2.Duration
    disbelieved: int
    overdue: int
    def __init__(self, counted: _Optional[int] = ..., victims: _Optional[int] = ..., repeats: _Optional[int] = ..., unattributed: _Optional[int] = ..., unattributed_before_start: _Optional[int] = ..., pending: _Optional[int] = ..., drill_victims: _Optional[int] = ..., balanced: _Optional[bool] = ..., settle: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., disbelieved: _Optional[int] = ..., overdue: _Optional[int] = ...) -> None: ...
