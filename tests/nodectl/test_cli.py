"""The command line: what is asked of the agent, what is printed, how it exits."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner

from agent import __version__
from agent.api.v1 import exits_pb2, node_agent_pb2
from agent.config.settings import Settings as AgentSettings
from agent.nodectl import drill, watching
from agent.nodectl.exits import MEANING, Exit, NoAgentError
from agent.nodectl.main import cli
from agent.nodectl.options import DEFAULT_SOCKET
from agent.nodectl.unix import UnixDoor
from tests.nodectl import examples
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_status(agent: FakeAgent, run: Run) -> None:
    """A healthy node exits 0."""
    result = run("status")
    assert result.exit_code == Exit.OK
    assert result.output.startswith("ip-10-0-64-12 · kernel 6.1.0-56")


def test_status_of_a_blind_agent_is_a_finding(agent: FakeAgent, run: Run) -> None:
    """An agent that cannot do its work exits 1, in JSON too."""
    agent.status.status.CopyFrom(examples.sick())
    assert run("status").exit_code == Exit.FINDING
    result = run("status", "-o", "json")
    assert result.exit_code == Exit.FINDING
    assert json.loads(result.stdout)["oom"]["balanced"] is False


def test_oom_asks_for_what_was_given(agent: FakeAgent, run: Run) -> None:
    """Every filter reaches the agent."""
    result = run(
        *(
            "oom",
            "-n",
            "shop",
            "--pod",
            "web-1",
            "--hidden",
            "--disagreements",
            "--limit",
            "7",
            "--no-drills",
        ),
        *("--since", "2026-11-22T03:00:00+01:00"),
    )
    assert result.exit_code == Exit.OK
    (request,) = agent.requests
    assert (request.namespace, request.pod, request.hidden) == ("shop", "web-1", True)
    assert request.disagreements
    assert (request.limit, request.exclude_drills) == (7, True)
    assert request.since.ToJsonString() == "2026-11-22T02:00:00Z"


def test_oom_since_a_duration(agent: FakeAgent, run: Run) -> None:
    """10m is ten minutes before now."""
    run("oom", "--since", "10m")
    run("oom", "--since", "1ms")
    ten_minutes_ago, now = (request.since.ToNanoseconds() for request in agent.requests)
    assert 590e9 < now - ten_minutes_ago < 660e9


def test_oom_json_has_the_names_of_the_proto(agent: FakeAgent, run: Run) -> None:
    """-o json is the wire message: snake_case, zero values written, unknown ones absent."""
    answer = json.loads(run("oom", "-o", "json").stdout)
    first, last = answer["incidents"][0], answer["incidents"][-1]
    assert first["limit_level"] == "LIMIT_LEVEL_CONTAINER"
    assert first["drill"] is False
    assert "limit_bytes" not in last
    assert answer["books"]["unattributed"] == "3"


def test_oom_without_kills_says_where_it_looked(agent: FakeAgent, run: Run) -> None:
    """An empty answer names the filters."""
    del agent.incidents.incidents[:]
    output = run("oom", "-n", "shop", "--hidden", "--since", "10m").output
    assert output.startswith(
        "No OOM kills that the kubelet hides in namespace shop in the last 10m.\n"
    )


def test_oom_folds_rows_on_a_narrow_terminal(agent: FakeAgent, tmp_path: Path) -> None:
    """Names are never cut: a row becomes two lines."""
    for columns, lines in (("99", 12), ("200", 6)):
        result = CliRunner().invoke(
            cli, ["--socket", str(agent.path), "oom"], env={"COLUMNS": columns}
        )
        table = result.output.split("\n\n")[0].splitlines()
        assert len(table) == lines
        assert "order-processor-5566778899-abc12" in result.output


def test_version(agent: FakeAgent, run: Run) -> None:
    """Both versions."""
    assert run("version").output == f"nodectl  {__version__}\nagent    0.1.0\n"
    assert json.loads(run("version", "-o", "json").stdout) == {
        "nodectl": __version__,
        "agent": "0.1.0",
    }


def test_version_without_agent_still_says_its_own(run: Run) -> None:
    """The client's version is known whatever happens."""
    result = run("version")
    assert result.exit_code == Exit.NO_AGENT
    assert result.stdout == f"nodectl  {__version__}\nagent    ?\n"


@pytest.mark.parametrize("command", [["status"], ["oom"], ["events"], ["events", "-f"]])
def test_no_agent(command: list[str], run: Run, tmp_path: Path) -> None:
    """Every command exits 3, names the socket, the cause and what to do; nothing on stdout."""
    result = run(*command)
    assert result.exit_code == Exit.NO_AGENT
    assert result.stdout == ""
    assert f"no agent at {tmp_path}/agent.sock: there is no socket" in result.stderr
    for advice in ("systemctl status nodewitness", "make run", "--socket"):
        assert advice in result.stderr


def test_no_agent_on_a_node(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent of nodectl's own tree is named with its whole path, where there is one."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "0.1.0"))
    command = f"{tmp_path}/0.1.0/bin/nodewitness run"
    assert command not in run("oom").stderr
    agent = tmp_path / "0.1.0/bin/nodewitness"
    agent.parent.mkdir(parents=True)
    agent.touch(0o755)
    assert f"  - {command}  (as root" in run("oom").stderr


def test_stale_socket(run: Run, tmp_path: Path) -> None:
    """A socket file that nobody listens on is told from no socket."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "agent.sock"))
    result = run("status")
    assert result.exit_code == Exit.NO_AGENT
    assert "connection refused" in result.stderr
    assert "a stale socket" in result.stderr


def test_not_a_socket(run: Run, tmp_path: Path) -> None:
    """A path too long for a socket, and a plain file, are no agents either."""
    (tmp_path / "agent.sock").write_text("")
    assert run("status").exit_code == Exit.NO_AGENT
    assert run("status", "--socket", "/" + "x" * 200).exit_code == Exit.NO_AGENT


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_permission(code: int, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not connect is told who may."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket.socket, "connect", refuse)
    result = run("status")
    assert result.exit_code == Exit.NO_AGENT
    assert "group nodewitness" in result.stderr


@pytest.mark.parametrize("command", [["status"], ["events", "-f"]])
def test_agent_that_never_answers(command: list[str], run: Run, tmp_path: Path) -> None:
    """A socket that accepts and says nothing times out, and says after how long."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "agent.sock"))
        silent.listen()
        result = run("--timeout", "150ms", *command)
    assert result.exit_code == Exit.NO_AGENT
    assert "did not answer within 150ms" in result.stderr


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, Exit.AGENT_ERROR),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Exit.AGENT_ERROR),
        (grpc.StatusCode.UNIMPLEMENTED, Exit.AGENT_ERROR),
        (grpc.StatusCode.UNAVAILABLE, Exit.NO_AGENT),
    ],
)
@pytest.mark.parametrize("command", ["status", "oom", "events"])
def test_errors_of_the_agent(
    agent: FakeAgent, run: Run, command: str, code: grpc.StatusCode, exit_code: Exit
) -> None:
    """The agent's own words reach the operator, escaped; the exit code says whose fault it is."""
    agent.error = (code, "ask for less\x1b[31m")
    result = run(command)
    assert result.exit_code == exit_code
    assert "ask for less\\x1b[31m" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["oom", "--since", "yesterday"],
        ["oom", "--since", "2026-11-22T03:00:00"],
        ["oom", "--limit", "0"],
        ["oom", "--limit", "10001"],
        ["events", "--since", "a/b"],
        ["events", "--since", "99999999999999999999"],
        ["--timeout", "0s", "status"],
        ["--timeout", "5", "status"],
        ["status", "-o", "xml"],
        ["version", "-o", "wide"],
        ["drill", "oom", "--wait", "soon"],
    ],
)
def test_usage(run: Run, arguments: list[str]) -> None:
    """What cannot be meant exits 2 before anything is asked."""
    assert run(*arguments).exit_code == Exit.USAGE


def test_options_before_and_after_the_command(agent: FakeAgent, run: Run) -> None:
    """Global options are taken in both places; the later wins; the environment never overrides."""
    path = str(agent.path)
    assert json.loads(run("-o", "json", "version").stdout)["agent"] == "0.1.0"
    assert run("-o", "json", "version", "-o", "table").stdout.startswith("nodectl  ")
    elsewhere = {"NODEWITNESS_SOCKET": "/nowhere"}
    for arguments in (["--socket", path, "status"], ["status", "--socket", path]):
        assert CliRunner().invoke(cli, arguments, env=elsewhere).exit_code == Exit.OK
    assert "/nowhere" in CliRunner().invoke(cli, ["status"], env=elsewhere).stderr


def test_help_lists_commands_and_exit_codes(run: Run) -> None:
    """The exit codes are documented where they are looked for, and -h is --help."""
    text = run("-h").output
    assert text == run("--help").output
    for code, meaning in MEANING.items():
        assert f"  {int(code):<3}  {meaning}\n" in text
    for name in ("status", "oom", "events", "version", "drill"):
        assert run(name, "-h").exit_code == 0


def test_defaults_are_the_agents(run: Run) -> None:
    """nodectl knows the agent's defaults without its configuration."""
    serve = AgentSettings().serve
    assert str(serve.socket) == DEFAULT_SOCKET
    assert f"http://{serve.metrics_address}/metrics" == drill.DEFAULT_METRICS


def test_strange_path_of_a_socket(tmp_path: Path) -> None:
    """gRPC reads the path as a URI: what is special there is encoded."""
    from tests.nodectl.fake_agent import serving

    path = tmp_path / "a%41 b#c?d"
    link = tmp_path / "plain"
    with serving(FakeAgent(link)):
        link.rename(path)
        result = CliRunner().invoke(cli, ["status", "--socket", str(path)])
    assert result.exit_code == Exit.OK


def test_full_backlog(tmp_path: Path) -> None:
    """An agent that does not accept any more is told from one that is gone."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as stuck, contextlib.ExitStack() as waiting:
        stuck.bind(path)
        stuck.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                queued = waiting.enter_context(socket.socket(socket.AF_UNIX))
                queued.setblocking(False)
                queued.connect(path)
        with pytest.raises(NoAgentError, match="backlog is full"):
            UnixDoor(path).probe(0.05)


def test_exits_asks_for_what_was_given(agent: FakeAgent, run: Run) -> None:
    """Every filter reaches the agent; -A is all namespaces, as without -n."""
    filters = "-n shop --pod cart-0 --container app --verdict crashed --verdict exited --limit 7"
    result = run("exits", *filters.split(), "--since", "2026-11-22T03:00:00+01:00")
    assert result.exit_code == Exit.OK, result.output
    (request,) = agent.requests
    assert (request.namespace, request.pod, request.container) == ("shop", "cart-0", "app")
    assert list(request.verdicts) == [
        exits_pb2.VERDICT_CRASHED,
        exits_pb2.VERDICT_EXITED,
    ]
    assert (request.limit, request.since.ToJsonString()) == (7, "2026-11-22T02:00:00Z")
    assert run("exits", "-A").exit_code == Exit.OK
    assert agent.requests[-1] == node_agent_pb2.ListExitsRequest(limit=1000)
    assert run("exits", "-A", "-n", "shop").exit_code == Exit.OK  # as the other lists have it
    assert agent.requests[-1].namespace == ""


@pytest.mark.parametrize(
    ("by", "pods"),
    [
        ("time", ["gateway-v2-7f5d9c8d4b-9w2k1", "cart-0", "orders-abc12", "batch-x2x9p"]),
        ("name", ["batch-x2x9p", "cart-0", "gateway-v2-7f5d9c8d4b-9w2k1", "orders-abc12"]),
        ("verdict", ["orders-abc12", "gateway-v2-7f5d9c8d4b-9w2k1", "cart-0", "batch-x2x9p"]),
    ],
)
def test_exits_sorted(agent: FakeAgent, run: Run, by: str, pods: list[str]) -> None:
    """The newest first, or by name or verdict; for programs too."""
    found = json.loads(run("exits", "--sort", by, "-o", "json").stdout)["exits"]
    assert [death["container"]["pod"] for death in found] == pods


def test_exits_watched(agent: FakeAgent, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """-w asks again until it is interrupted; each answer of JSON is one line."""
    turns = []

    def turn(seconds: float) -> None:
        turns.append(seconds)
        if len(turns) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching.show, "__kwdefaults__", {"sleep": turn})
    result = run("exits", "-w", "-o", "json", "--since", "10m")
    assert [len(json.loads(line)["exits"]) for line in result.stdout.splitlines()] == [4, 4]
    assert len(agent.requests) == 2


@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml"])
def test_exits_outputs(agent: FakeAgent, run: Run, output: str) -> None:
    """Each output has every death; wide has where the sender ran, and the evidence."""
    result = run("exits", "-o", output)
    assert result.exit_code == Exit.OK, result.output
    assert result.output.count("cart-0") == 1
    if output == "wide":
        assert "containerd.service" in result.output
        assert "connector, signals, memory.events, cri" in result.output
    if output == "json":
        assert len(json.loads(result.stdout)["exits"]) == 4


def test_no_exits(agent: FakeAgent, run: Run) -> None:
    """Nothing found is said with what was asked."""
    agent.exits = node_agent_pb2.ListExitsResponse()
    result = run("exits", "--pod", "a\x1b", "--verdict", "crashed", "--since", "10m")
    assert result.output == (
        "No container ended with verdict crashed in pod a\\x1b in the last 10m.\n"
    )
