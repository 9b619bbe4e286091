"""Why a container ended: the rules, from what is known of its init to a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from agent.ledger.end_writing import kills_init
from agent.ledger.ends import UNPROVEN_CODES
from agent.ledger.senders import SenderKind, kind_of, sureness
from agent.model.death import ProcessExit, SignalSent
from agent.model.evidence import RuntimeRecord
from agent.model.exits import Verdict
from agent.model.oom import Confidence, LimitLevel, OOMIncident
from agent.parse.cgroup_path import place as place_of

SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM = 1, 2, 3, 9, 15
SIGUSR1, SIGUSR2, SIGCONT, SIGSTOP, SIGTSTP, SIGWINCH, SIGRTMIN_3 = 10, 12, 18, 19, 20, 28, 37
ENDS = (SIGINT, SIGQUIT, SIGTERM)
"""What a process is asked to end with, and nothing else."""
STOPS = (*ENDS, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGRTMIN_3)
"""What images name to be stopped with: httpd WINCH, haproxy USR1, systemd RTMIN+3. To others, and
from others than the runtime, HUP, USR1, USR2 and WINCH mean "read or open your files again".
"""
NO_STOPS = (SIGKILL, SIGCONT, SIGSTOP, SIGTSTP)
"""Whatever else a runtime sends is a request to stop: the kubelet lets it send nothing else."""
CRASHES = (4, 5, 6, 7, 8, 11, 31)
"""ILL TRAP ABRT BUS FPE SEGV SYS."""
GRACE_NS = 30_000_000_000
LONGEST_GRACE_NS = 3600_000_000_000
"""Kubernetes' default: an exit so long after somebody's SIGTERM is taken for the answer to it."""
LARGEST_CODE = 127
"""Of a runtime's record: what is above can stand for a signal, or for its own failure to start."""

_LIMITS = {
    LimitLevel.CONTAINER: Verdict.OOM_CONTAINER_LIMIT,
    LimitLevel.POD: Verdict.OOM_POD_LIMIT,
    LimitLevel.QOS: Verdict.OOM_KUBEPODS_LIMIT,
    LimitLevel.KUBEPODS: Verdict.OOM_KUBEPODS_LIMIT,
    LimitLevel.NESTED: Verdict.OOM_NESTED_LIMIT,
    LimitLevel.NODE: Verdict.OOM_NODE,
    LimitLevel.SYSTEM: Verdict.UNKNOWN,
    LimitLevel.UNKNOWN: Verdict.UNKNOWN,
}


class Known(Struct, frozen=True, kw_only=True):
    """All that is known of one end. Signals are those to the init, with the senders' cgroups."""

    init_pid: int | None = None
    exit: ProcessExit | None = None
    signals: tuple[SignalSent, ...] = ()  # oldest first
    incidents: Sequence[OOMIncident] = ()
    record: RuntimeRecord | None = None
    watched: bool = True  # the agent saw its cgroup go
    signals_seen: bool = True  # without a gap, for a grace before its end: none heard, none sent


class Judgement(Struct, frozen=True, kw_only=True):
    verdict: Verdict = Verdict.UNKNOWN
    counted: SignalSent | None = None  # the signal that ended it, where somebody sent it
    asked: SignalSent | None = None  # the first by which the runtime asked it to stop
    incident: OOMIncident | None = None  # that killed its init
    confidence: Confidence = Confidence.LOW


def judge(known: Known) -> Judgement:
    """The verdict; UNKNOWN where no evidence tells."""
    ended = known.exit
    if ended is None:
        return _by_record(known)
    if ended.signal is not None:
        return _by_signal(known, ended.signal)
    return _by_code(known)


def _by_signal(known: Known, number: int) -> Judgement:
    sent = [s for s in known.signals if s.signal == number and s.delivered]
    killed = [incident for incident in known.incidents if kills_init(incident)]
    if number == SIGKILL and killed:  # the OOM killer counts nobody who was dying already
        return _by_oom(known, killed[-1])
    if number in CRASHES and not any(kind_of(s) in _OTHERS for s in sent):
        sure = Confidence.HIGH if known.signals_seen else Confidence.MEDIUM
        return Judgement(verdict=Verdict.CRASHED, confidence=sure)
    # SIGKILL is final when it is sent; of others the last is the one that was not handled.
    counted = None if not sent else sent[0] if number == SIGKILL else sent[-1]
    if counted is None:
        return Judgement()
    asked = _asked(known, before_ns=counted.boottime_ns)
    verdict = Verdict.UNKNOWN
    match kind_of(counted):
        case SenderKind.RUNTIME if number == SIGKILL:
            verdict = Verdict.KILLED_BY_RUNTIME if asked is None else Verdict.GRACE_EXCEEDED
        case SenderKind.RUNTIME:
            verdict, asked = Verdict.STOPPED_BY_RUNTIME, asked or counted
        case SenderKind.OOMD:
            verdict = Verdict.KILLED_BY_OOMD
        case SenderKind.PROCESS | SenderKind.ITSELF:
            verdict = Verdict.KILLED_BY_PROCESS
        case SenderKind.KERNEL:
            return Judgement(asked=asked)
    sure = sureness(counted)
    if verdict is Verdict.GRACE_EXCEEDED and asked is not None:
        sure = _lower(sure, sureness(asked))
    if verdict is Verdict.KILLED_BY_RUNTIME and not known.signals_seen:
        sure = Confidence.LOW  # it may have been asked to stop first
    return Judgement(verdict=verdict, counted=counted, asked=asked, confidence=sure)


_OTHERS = (SenderKind.RUNTIME, SenderKind.OOMD, SenderKind.PROCESS)


def _by_oom(known: Known, incident: OOMIncident) -> Judgement:
    verdict = _LIMITS[incident.limit_level]
    first = incident.victims[0].pid if incident.victims else None
    if incident.group_kill and None not in (first, known.init_pid) and first != known.init_pid:
        verdict = Verdict.OOM_GROUP_SIBLING
    return Judgement(verdict=verdict, incident=incident, confidence=incident.confidence)


def _by_code(known: Known) -> Judgement:
    """By itself, or because it was asked to. A code of its own that stands for a signal to stop is
    what many answer one with: where signals are not seen, nobody can say whether one was sent.
    """
    obeyed = _asked(known, delivered=True)
    sure = Confidence.HIGH if known.exit is not None else Confidence.MEDIUM
    if obeyed is not None:
        if _is_doubtful(known, obeyed):
            sure = Confidence.MEDIUM
        return Judgement(
            verdict=Verdict.STOPPED_BY_RUNTIME,
            counted=obeyed,
            asked=_asked(known),
            confidence=_lower(sure, sureness(obeyed)),
        )
    other = _asked_by_others(known)
    if other is not None:
        if not other.sender_cgroup:
            sure = Confidence.LOW  # it may have been one of its own
        return Judgement(verdict=Verdict.KILLED_BY_PROCESS, counted=other, confidence=sure)
    if not known.signals_seen:
        code = _code(known)
        if code is not None and code - 128 in STOPS:
            return Judgement()
        sure = Confidence.LOW
    return Judgement(verdict=Verdict.EXITED, confidence=sure)


def _is_doubtful(known: Known, obeyed: SignalSent) -> bool:
    """Whether it may have meant something else, and been outlived."""
    late = known.exit is not None and known.exit.boottime_ns - GRACE_NS > obeyed.boottime_ns
    return late and obeyed.signal not in ENDS


def _code(known: Known) -> int | None:
    if known.exit is not None:
        return known.exit.exit_code
    return None if known.record is None else known.record.exit_code


def _by_record(known: Known) -> Judgement:
    """The kernel did not tell how it ended: the runtime's record, and the signals that were
    sent.
    """
    code = None if known.record is None else known.record.exit_code
    killed = [incident for incident in known.incidents if kills_init(incident)]
    if killed and (code is None or code in UNPROVEN_CODES):
        return _by_oom(known, killed[-1])
    if code is None:
        return Judgement()
    if code > 128 and any(s.signal == code - 128 and s.delivered for s in known.signals):
        found = _by_signal(known, code - 128)
    elif code <= LARGEST_CODE or _asked(known) is not None:
        found = _by_code(known)
    else:
        return Judgement()
    sure = Confidence.MEDIUM if known.watched else Confidence.LOW
    return replace(found, confidence=_lower(sure, found.confidence))


def _lower(one: Confidence, other: Confidence) -> Confidence:
    return min(one, other, key=list(Confidence).index)


def _asked(
    known: Known, before_ns: int | None = None, *, delivered: bool = False
) -> SignalSent | None:
    """The first signal by which the runtime asked it to stop (of those that reached it: an init
    without a handler is spared), one that can mean nothing else before all others: within an hour
    before its end, which is more than any grace; a SIGHUP, which most take as "read your
    configuration again", within the default one.
    """
    ended_ns = None if known.exit is None else known.exit.boottime_ns

    def counts(sent: SignalSent) -> bool:
        longest_ns = GRACE_NS if sent.signal == SIGHUP else LONGEST_GRACE_NS
        return ended_ns is None or sent.boottime_ns >= ended_ns - longest_ns

    found = [
        sent
        for sent in known.signals
        if sent.signal not in NO_STOPS
        and counts(sent)
        and (sent.delivered or not delivered)
        and (before_ns is None or sent.boottime_ns < before_ns)
        and kind_of(sent) is SenderKind.RUNTIME
    ]
    plain = [sent for sent in found if sent.signal in ENDS]
    return next(iter(plain or found), None)


def _asked_by_others(known: Known) -> SignalSent | None:
    """The last signal that asks to end, from outside of the container, shortly before its exit."""
    if known.exit is None:
        return None
    since_ns = known.exit.boottime_ns - GRACE_NS
    for sent in reversed(known.signals):
        outside = not sent.sender_cgroup or not place_of(sent.sender_cgroup).container_id
        if (
            sent.signal in ENDS
            and sent.delivered
            and sent.boottime_ns >= since_ns
            and outside
            and kind_of(sent) is SenderKind.PROCESS
        ):
            return sent
    return None
