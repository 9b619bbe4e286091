"""`nodectl memory`."""

from __future__ import annotations

import json

import pytest
import yaml

from agent.api.v1 import memory_pb2
from agent.nodectl.show.memory import report
from agent.nodectl.watching import WATCH_SECONDS, show
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_table(agent: FakeAgent, run: Run) -> None:
    result = run("memory", "--eaters", "3")
    assert result.exit_code == 0
    assert result.output.startswith("kubelet  612Mi of 8Gi available")
    assert agent.requests[0].eaters == 3


def test_wide(agent: FakeAgent, run: Run) -> None:
    """The fit, since when, where the threshold is from, and what was asked or why it is absent."""
    lines = run("memory", "-o", "wide").output.splitlines()
    head = next(line for line in lines if line.startswith("SIGNAL"))
    assert head.split()[-4:] == ["FIT", "CROSSED", "FROM", "WHERE"]
    soft = next(line for line in lines if "soft" in line)
    assert "config /var/lib/kubelet/config.yaml" in soft
    assert any("the read hangs" in line for line in lines if line.startswith("imagefs"))


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("memory", "-o", "json").output)
    assert found["headrooms"][0]["threshold"]["text"] == "500Mi"
    assert "time_left" not in found["headrooms"][2]
    assert yaml.safe_load(run("memory", "-o", "yaml").output) == found


def test_nothing_known() -> None:
    text = report(memory_pb2.MemoryReport(), examples.MEMORY_NS)
    assert "the root cgroup cannot be read" in text
    assert "Nobody's working set grew" in text


def test_hostile_names() -> None:
    """No control character of a name, a path or a reason reaches the terminal."""
    memory = memory_pb2.MemoryReport(
        eaters=[
            memory_pb2.Eater(namespace="a\x1b[2J", pod="b\nc", container="d"),
            memory_pb2.Eater(unit="e\x07"),
        ],
        headrooms=[
            memory_pb2.Headroom(signal="nodefs.available", absent_reason="f\x1b", path="g\x1b")
        ],
        kubelet=memory_pb2.Kubelet(problems=["h\x1b"]),
    )
    for wide in (False, True):
        text = report(memory, examples.MEMORY_NS, wide=wide)
        assert all(line.isprintable() for line in text.splitlines())
        assert "a\\x1b[2J" in text
        assert "b\\x0ac" in text


def test_watch(capsys: pytest.CaptureFixture[str]) -> None:
    """Asks again after each pause; what ends it comes from outside."""
    pauses: list[float] = []
    answers = iter(("one", "two"))

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        show(lambda: next(answers), watch=True, sleep=sleep)
    assert capsys.readouterr().out == "one\ntwo\n"
    assert pauses == [WATCH_SECONDS] * 2
