"""<trace instance>/trace_pipe: the event signal:signal_generate

        bash-17373   [000] d..1.  4831.677189: signal_generate: sig=9 errno=0 code=0 comm=bash \
pid=17427 grp=1 res=0

The task of the columns is the sender: whoever ran when the signal was generated. The payload names
the target; its comm stands as it is, so the payload is read from both ends. Where the next event's
sender has a newline in its comm, what is before that is left behind this record: it is too short
to be a payload. `res` is one of TRACE_SIGNAL_DELIVERED, IGNORED, ALREADY_PENDING, OVERFLOW_FAIL,
LOSE_INFO.

https://docs.kernel.org/trace/events.html, include/trace/events/signal.h
"""

from __future__ import annotations

import re

from agent.model.absence import ParseError
from agent.model.death import SignalSent
from agent.parse.names import printable
from agent.parse.trace_event import COLUMNS

EVENT = b"signal_generate"
UNKNOWN_COMM = "<...>"
"""What the kernel prints for a task whose comm it has not kept (trace_find_cmdline)."""

_PAYLOAD = re.compile(
    rb"sig=([0-9]{1,3}) errno=-?[0-9]{1,10} code=(-?[0-9]{1,10}) comm=(.{0,15})"
    rb" pid=([0-9]{1,10}) grp=([01]) res=([0-9])(?:\n.{0,16})?",
    re.DOTALL,
)
_LOST = re.compile(rb"(?m)^CPU:[0-9]{1,5} \[LOST (?:[0-9]{1,20} )?EVENTS\]\n")


def parse_signal(record: bytes) -> SignalSent | None:
    """One record (`trace_event.split_records`); None if it is another event, or none.

    ParseError if its payload is not known.
    """
    columns = COLUMNS.match(record)
    if columns is None:
        return None
    sender, seconds, micros, event = columns.groups()
    if event != EVENT:
        return None
    payload = _PAYLOAD.fullmatch(record, columns.end())
    if payload is None:
        raise ParseError("signal_generate: 'sig= errno= code= comm= pid= grp= res='", record)
    signal, code, comm, target, group, result = payload.groups()
    return SignalSent(
        boottime_ns=int(seconds) * 1_000_000_000 + int(micros) * 1000,
        signal=int(signal),
        code=int(code),
        sender_pid=int(sender),
        sender_comm=printable(record[: columns.start(1) - 1].lstrip(b" ")),
        target_pid=int(target),
        target_comm=printable(comm),
        to_group=group == b"1",
        delivered=result == b"0",
    )


def without_losses(text: bytes) -> bytes:
    """The text without its lines of lost events, which no comm is long enough to imitate."""
    return _LOST.sub(b"", text) if b" EVENTS]\n" in text else text
