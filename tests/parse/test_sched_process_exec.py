"""agent.parse.sched_process_exec"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.model.evidence import PluginExecuted
from agent.parse.sched_process_exec import exec_filter, parse_exec

LINE = (
    b"          bridge-18360   [001] .....  5847.512501: sched_process_exec:"
    b" filename=/usr/lib/cni/bridge pid=18360 old_pid=18360\n"
)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            LINE,
            PluginExecuted(pid=18360, plugin="/usr/lib/cni/bridge", boottime_ns=5_847_512_501_000),
        ),
        (
            LINE.replace(b"lib/cni/bridge", b"lib/cni/a pid=1 old_pid=1\xff"),
            PluginExecuted(
                pid=18360,
                plugin="/usr/lib/cni/a pid=1 old_pid=1\\xff",
                boottime_ns=5_847_512_501_000,
            ),
        ),
        (LINE.replace(b"process_exec", b"process_fork"), None),
        (b"# tracer: nop\n", None),
    ],
)
def test_parse_exec(record: bytes, expected: PluginExecuted | None) -> None:
    """The payload is read from its end; other events are none."""
    assert parse_exec(record) == expected


def test_unknown_payload() -> None:
    with pytest.raises(ParseError):
        parse_exec(LINE.replace(b"old_pid", b"older_pid"))


def test_exec_filter() -> None:
    """A glob for each directory, and no newline, which could forge a line."""
    assert exec_filter(["/opt/cni/bin", "/usr/lib/cni/"]) == (
        '(filename ~ "/opt/cni/bin/*" || filename ~ "/usr/lib/cni/*") && !(filename ~ "*\n*")'
    )
