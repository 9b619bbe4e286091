"""nodectl over TCP with mutual TLS: each thing that can go wrong is told from the others."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result

from agent.nodectl.exits import Exit
from agent.nodectl.main import cli
from tests.certificates import DAY, Authority, Pair, encrypted_key
from tests.nodectl.fake_agent import FakeAgent, serving

Ask = Callable[..., Result]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def me(authority: Authority) -> Pair:
    return authority.issue("me.example", to="me")


@contextmanager
def listening(authority: Authority, tmp_path: Path, pair: Pair) -> Iterator[FakeAgent]:
    credentials = grpc.ssl_server_credentials(
        [(pair.key.read_bytes(), pair.certificate.read_bytes())],
        root_certificates=authority.file.read_bytes(),
        require_client_auth=True,
    )
    with serving(FakeAgent(tmp_path / "none"), credentials) as agent:
        yield agent


@pytest.fixture
def agent(authority: Authority, tmp_path: Path) -> Iterator[FakeAgent]:
    """An agent whose certificate is for 127.0.0.1 and node-1."""
    with listening(authority, tmp_path, authority.issue("127.0.0.1", "node-1")) as agent:
        yield agent


def ask(
    port: int, ca: Path, pair: Pair, *words: str, host: str = "127.0.0.1", command: str = "status"
) -> Result:
    files = ["--ca", str(ca), "--cert", str(pair.certificate), "--key", str(pair.key)]
    where = [command, "--address", f"{host}:{port}", *files]
    return CliRunner().invoke(cli, [*where, *words], env={"NODEWITNESS_SOCKET": "/nowhere"})


def test_answers(agent: FakeAgent, authority: Authority, me: Pair) -> None:
    """Every command asks the other node as it asks its own."""
    for command in ("status", "oom", "version"):
        result = ask(agent.port, authority.file, me, command=command)
        assert (result.exit_code, result.stderr) == (Exit.OK, "")
    assert len(agent.requests) == 3


def test_environment(agent: FakeAgent, authority: Authority, me: Pair) -> None:
    """All five may be in the environment; a socket that is typed goes before."""
    env = {
        "NODEWITNESS_ADDRESS": f"localhost:{agent.port}",
        "NODEWITNESS_CA": str(authority.file),
        "NODEWITNESS_CERT": str(me.certificate),
        "NODEWITNESS_KEY": str(me.key),
        "NODEWITNESS_SERVER_NAME": "node-1",
    }
    assert CliRunner().invoke(cli, ["status"], env=env).exit_code == Exit.OK
    result = CliRunner().invoke(cli, ["status", "--socket", "/nowhere"], env=env)
    assert "no agent at /nowhere" in result.stderr


def test_another_name(agent: FakeAgent, authority: Authority, me: Pair) -> None:
    """A certificate for another name is refused, unless that name is said to be right."""
    result = ask(agent.port, authority.file, me, host="localhost")
    assert result.exit_code == Exit.NO_AGENT
    assert "its certificate is not for the name localhost" in result.stderr
    assert "--server-name NAME" in result.stderr
    right = ask(agent.port, authority.file, me, "--server-name", "node-1", host="localhost")
    assert right.exit_code == Exit.OK
    wrong = ask(agent.port, authority.file, me, "--server-name", "node-2")
    assert "not for the name node-2" in wrong.stderr


def test_wrong_ca(agent: FakeAgent, me: Pair, tmp_path: Path) -> None:
    """The file that was trusted is named."""
    other = Authority(tmp_path / "other", "another CA")
    result = ask(agent.port, other.file, me)
    assert result.exit_code == Exit.NO_AGENT
    assert f"is not signed by the CA in {other.file}" in result.stderr


def test_expired_server(authority: Authority, me: Pair, tmp_path: Path) -> None:
    """The agent's certificate was not rotated."""
    past = authority.issue("127.0.0.1", until=authority.until - 31 * DAY)
    with listening(authority, tmp_path, past) as agent:
        result = ask(agent.port, authority.file, me)
    assert result.exit_code == Exit.NO_AGENT
    assert "its certificate has expired" in result.stderr


def test_unwanted(agent: FakeAgent, authority: Authority, tmp_path: Path) -> None:
    """Our own certificate: of a stranger's CA, or ended, which is told."""
    stranger = Authority(tmp_path / "other", "another CA").issue("me.example")
    result = ask(agent.port, authority.file, stranger)
    assert result.exit_code == Exit.NO_AGENT
    assert "it hung up when it had seen our certificate" in result.stderr
    assert f"{stranger.certificate} is not signed by a CA of its serve.tls_client_ca" in (
        result.stderr
    )
    past = authority.issue("me.example", until=authority.until - 31 * DAY, to="past")
    result = ask(agent.port, authority.file, past)
    assert result.exit_code == Exit.NO_AGENT
    assert "it does not take our certificate, which ended 24h ago" in result.stderr


def test_not_allowed(agent: FakeAgent, authority: Authority, me: Pair) -> None:
    """The agent's own words."""
    agent.error = (grpc.StatusCode.PERMISSION_DENIED, "none of the names: DNS me.example")
    result = ask(agent.port, authority.file, me)
    assert result.exit_code == Exit.AGENT_ERROR
    assert "the agent answered PERMISSION_DENIED: none of the names: DNS me.ex" in result.stderr


def test_nobody(authority: Authority, me: Pair) -> None:
    """Refused, silent, unknown, and something else: the address, the cause, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        result = ask(port, authority.file, me, "--timeout", "150ms")
        assert f"no agent at 127.0.0.1:{port}: no answer within 150ms" in result.stderr
    result = ask(port, authority.file, me)
    assert result.exit_code == Exit.NO_AGENT
    assert "nobody listens (connection refused)" in result.stderr
    for advice in ("systemctl status nodewitness", "nodewitness config check", "--socket"):
        assert advice in result.stderr


def test_no_tls(authority: Authority, me: Pair, tmp_path: Path) -> None:
    """A port that speaks something else, here gRPC without TLS."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        result = ask(port, authority.file, me)
    finally:
        server.stop(None).wait()
    assert result.exit_code == Exit.NO_AGENT
    assert f"no agent at 127.0.0.1:{port}: what answers does not speak TLS" in result.stderr


def test_files(authority: Authority, me: Pair, tmp_path: Path) -> None:
    """A file that cannot be used is a mistake in the command line, and is named."""
    locked = Pair(certificate=me.certificate, key=tmp_path / "locked", until=me.until)
    locked.key.write_bytes(encrypted_key())
    other = Pair(certificate=me.certificate, key=authority.issue("x").key, until=me.until)
    absent = Pair(certificate=me.certificate, key=tmp_path / "absent", until=me.until)
    for ca, pair, word in (
        (tmp_path / "absent", me, f"--ca {tmp_path}/absent: No such file or directory"),
        (me.key, me, f"--ca {me.key} holds no certificate"),
        (authority.file, absent, f"--key {tmp_path}/absent: No such file or directory"),
        (authority.file, other, "do not belong together"),
        (authority.file, locked, "needs a passphrase"),
    ):
        result = ask(1, ca, pair)
        assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
        assert word in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--address", "a", "--ca", "c", "status"], "--cert, --key are missing"),
        (["--address", "a", "--ca", "c", "--cert", "c", "status"], "--key is missing"),
        (["--address", "a", "status", "--socket", "/s"], "--socket or --address, not both"),
        (["--address", "a", "drill", "oom"], "on the node itself"),
        (
            ["--address=a", "--ca=c", "--cert=c", "--key=k", "--server-name=.a", "status"],
            "is neither a host name nor an address",
        ),
    ],
)
def test_usage(words: list[str], said: str) -> None:
    """What is missing, or cannot be both."""
    result = CliRunner().invoke(cli, words)
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "address", ["a:b", "a:0", "a:65536", "::1:9755", "[::1", "a/b", "a:1:2", "a..b", ".a"]
)
def test_no_address(address: str, me: Pair) -> None:
    """What is no address is told so, before any file is read."""
    files = ["--ca", "/c", "--cert", "/c", "--key", "/k"]
    result = CliRunner().invoke(cli, ["status", "--address", address, *files])
    assert result.exit_code == Exit.USAGE
    assert "is not HOST, HOST:PORT or [V6]:PORT" in " ".join(result.stderr.split())


def test_unknown_host(authority: Authority, me: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's word, whatever it takes to say it."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    result = ask(9755, authority.file, me, host="node-9")
    assert result.exit_code == Exit.NO_AGENT
    assert "no agent at node-9:9755: no such host (Name or service not known)" in result.stderr
