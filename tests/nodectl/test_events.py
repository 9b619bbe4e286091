"""`nodectl events`: replay, follow, gaps, resume tokens, an agent that restarts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.nodectl import events
from agent.nodectl.exits import Exit
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent, head, serving, watched

EVENTS = examples.events()


def _sequences(output: str) -> list[int]:
    return [int(line.split()[0]) for line in output.splitlines() if line[:6].strip().isdigit()]


def test_replay_ends_where_the_stream_stood(agent: FakeAgent, run: Run) -> None:
    """Without -f it prints what is held and ends, though the stream goes on."""
    agent.head = head(11)
    agent.streams = [[watched(*EVENTS[:4]), watched(*EVENTS[4:11]), watched(examples.event(12))]]
    result = run("events")
    assert result.exit_code == Exit.OK
    assert _sequences(result.stdout) == list(range(1, 12))
    request = agent.requests[-1]
    assert request.HasField("resume")
    assert request.resume.sequence == 0


def test_replay_of_nothing_ends(agent: FakeAgent, run: Run) -> None:
    """Nothing is held, or all of it is filtered out: it ends at once and prints nothing."""
    agent.head = head(0)
    agent.streams = [[watched(at=0)]]
    agent.hang_after_stream = True
    assert run("events").stdout == ""
    agent.head = head(9)
    agent.streams = [[watched(at=9)]]
    assert run("events", "-n", "shop", "--pod", "web-1").stdout == ""
    assert (agent.requests[-1].namespace, agent.requests[-1].pod) == ("shop", "web-1")


def test_replay_waits_for_what_the_journal_holds(agent: FakeAgent, run: Run) -> None:
    """A first message that only confirms the subscription does not end it."""
    agent.head = head(4)
    agent.hang_after_stream = True
    agent.streams = [[watched(at=2), watched(*EVENTS[2:4])]]
    assert _sequences(run("events", "--since", "2").stdout) == [3, 4]


@pytest.mark.parametrize(
    ("token", "stream", "sequence"), [("7", "", 7), ("s-4f1c/7", "s-4f1c", 7), ("0", "", 0)]
)
def test_since(agent: FakeAgent, run: Run, token: str, stream: str, sequence: int) -> None:
    """A sequence alone means the present stream; STREAM/SEQ is the whole token."""
    agent.head = head(8)
    agent.streams = [[watched(at=8)]]
    assert run("events", "--since", token).exit_code == Exit.OK
    resume = agent.requests[-1].resume
    assert (resume.stream_id, resume.sequence) == (stream, sequence)


def test_gap_of_a_foreign_stream_is_visible(agent: FakeAgent, run: Run) -> None:
    """A token of another stream yields a marker, and the replay ends by the new stream's count."""
    first = watched(*EVENTS[:2], stream="s-new")
    first.gap.reason, first.gap.detail = "foreign-stream", "a new numbering has begun"
    agent.head = head(2, "s-new")
    agent.streams = [[watched(at=0, stream="s-new"), first]]
    result = run("events", "--since", "s-old/900")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("-- gap: events are missing, nobody knows how many (foreign-stream)")
    assert _sequences(result.stdout) == [1, 2]


@pytest.mark.parametrize(("token", "reason"), [("12", "future"), ("s-old/1", "foreign-stream")])
def test_refused_token_is_told_though_nothing_follows(
    agent: FakeAgent, run: Run, token: str, reason: str
) -> None:
    """The gap comes after the message that confirms the subscription, and is waited for."""
    refusal = watched(at=9)
    refusal.gap.reason = reason
    agent.head = head(9)
    agent.hang_after_stream = True
    agent.streams = [[watched(at=9), refusal]]
    assert f"({reason})" in run("events", "--since", token).stdout


def test_replay_of_an_earlier_stream_goes_on_into_the_present_one(
    agent: FakeAgent, run: Run
) -> None:
    """The end is a place in the present stream, not a sequence of any."""
    old = [watched(at=0, stream="s-old"), watched(EVENTS[0], at=900, stream="s-old")]
    agent.head = head(3)
    agent.streams = [[*old, watched(*EVENTS[1:3])]]
    assert _sequences(run("events", "--since", "0").stdout) == [1, 2, 3]


def test_replay_that_stalls_does_not_wait_for_ever(agent: FakeAgent, run: Run) -> None:
    """An agent that stops sending in the middle is an agent that does not answer."""
    agent.head = head(9)
    agent.hang_after_stream = True
    agent.streams = [[watched(*EVENTS[:2])]]
    result = run("--timeout", "3s", "events")
    assert result.exit_code == Exit.NO_AGENT
    assert _sequences(result.stdout) == [1, 2]


def test_json_is_one_object_a_line(agent: FakeAgent, run: Run) -> None:
    """Events and gaps, each on its line, in the proto's names."""
    message = watched(*EVENTS[:4])
    message.gap.reason, message.gap.last_missing = "expired", 3
    agent.head = head(4)
    agent.streams = [[message]]
    lines = [json.loads(line) for line in run("events", "-o", "json").stdout.splitlines()]
    assert lines[0]["gap"]["last_missing"] == "3"
    assert [line["sequence"] for line in lines[1:]] == ["1", "2", "3", "4"]
    assert lines[4]["oom_recorded"]["limit_level"] == "LIMIT_LEVEL_CONTAINER"


def _follow(path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "agent.nodectl.main", "--socket", str(path)),
            *("events", "-f", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )


def test_ctrl_c_says_how_to_resume(agent: FakeAgent) -> None:
    """Ctrl-C is the ordinary end of following: exit 0, and the token on stderr."""
    agent.streams = [[watched(at=3), watched(EVENTS[3])]]
    agent.hang_after_stream = True
    with _follow(agent.path) as process:
        assert process.stdout is not None
        assert _sequences(process.stdout.readline()) == [4]
        agent.watching.get(timeout=30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert err.strip() == "resume with: nodectl events -f --since s-4f1c/4"
    assert not agent.requests[0].HasField("resume")


def test_follow_survives_a_restart_of_the_agent(tmp_path: Path) -> None:
    """The agent goes and comes back: it resumes by its token, and says both on stderr."""
    path = tmp_path / "agent.sock"
    before = FakeAgent(path, streams=[[watched(*EVENTS[:2])]], hang_after_stream=True)
    gap = watched(*EVENTS[6:8])
    gap.gap.reason, gap.gap.first_missing, gap.gap.last_missing = "expired", 3, 6
    after = FakeAgent(path, streams=[[gap]], hang_after_stream=True)
    with serving(before):
        process = _follow(path, "--since", "0")
        assert process.stdout is not None
        assert process.stderr is not None
        seen = [process.stdout.readline() for _ in range(2)]
    with process:
        lost = process.stderr.readline()
        with serving(after):
            seen += [process.stdout.readline() for _ in range(3)]
            back = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    assert _sequences("".join(seen)) == [1, 2, 7, 8]
    assert seen[2].startswith("-- gap: events 3..6 are missing, 4 of them (expired)")
    assert re.search(r"reconnecting, from s-4f1c/2$", lost)
    assert "answers again" in back
    resume = after.requests[0].resume
    assert (resume.stream_id, resume.sequence) == (examples.STREAM, 2)
    assert process.returncode == 0


def test_refusal_ends_following(agent: FakeAgent, run: Run) -> None:
    """Too many subscribers is an answer, not a reason to hammer the agent."""
    import grpc

    agent.error = (grpc.StatusCode.RESOURCE_EXHAUSTED, "64 subscribers: stop one")
    result = run("events", "-f")
    assert result.exit_code == Exit.AGENT_ERROR
    assert "64 subscribers: stop one" in result.stderr


def test_backoff_is_bounded_and_jittered() -> None:
    """Waits grow to a bound and differ; an answer resets them."""
    backoff = events.Backoff(first_seconds=0.2, most_seconds=5.0)
    waits = [backoff.wait() for _ in range(50)]
    assert all(0.1 <= wait <= 5.0 for wait in waits)
    assert waits[0] <= 0.2
    assert len(set(waits[10:])) > 30
    backoff.reset()
    assert backoff.wait() <= 0.2
