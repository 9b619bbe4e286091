"""gRPC over TCP with mutual TLS in the guest: who has the right certificate sees the kill."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from agent.nodectl.exits import Exit
from tests.certificates import Authority, Pair
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.scenarios.container_limit import init_over_limit
from tests.lab.stories import fire
from tests.lab.wire import Completed

PLACE = "/run/lab/tls"
ADDRESS = "127.0.0.1:9755"


def carry(guest: Guest, authority: Authority) -> None:
    """Put the authority's files into the guest, each whole before it has its name."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in authority.directory.iterdir():
            tar.add(path, path.name)
    guest.run(f"mkdir -p {PLACE} && tar -x -C {PLACE}", stdin=archive.getvalue())


def nodectl(guest: Guest, pair: Pair, *words: str) -> Completed:
    """Run nodectl in the guest, over TCP, with this certificate."""
    files = ["--ca", f"{PLACE}/ca.pem"]
    for option, path in (("--cert", pair.certificate), ("--key", pair.key)):
        files += [option, f"{PLACE}/{path.name}"]
    command = ["nodectl", *words, "--address", ADDRESS, *files, "--timeout", "60s"]
    return guest.run(command, check=False, seconds=120)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def test_a_kill_over_tcp(
    guest: Guest, agent: AgentProcess, pods: Pods, authority: Authority, tmp_path: Path
) -> None:
    """The one who is named gets status and the kill; another name, another CA and nobody do not."""
    node = authority.issue("127.0.0.1", to="node")
    fleet = authority.issue("fleet.example", to="fleet")
    other = authority.issue("other.example", to="other")
    stranger = Authority(tmp_path / "stranger", "another CA").issue("fleet.example", to="stranger")
    for path in (stranger.certificate, stranger.key):
        path.rename(authority.directory / path.name)
    carry(guest, authority)
    agent.start(
        {
            "serve.grpc_address": ADDRESS,
            "serve.tls_certificate": f"{PLACE}/{node.certificate.name}",
            "serve.tls_key": f"{PLACE}/{node.key.name}",
            "serve.tls_client_ca": f"{PLACE}/ca.pem",
            "serve.tls_clients": "fleet.example",
        }
    )
    asking = Asking(agent)
    fire(init_over_limit(pods), asking)
    incident = asking.closed("init-oom")

    status = nodectl(guest, fleet, "status", "-o", "json")
    assert status.exit_code in (Exit.OK, Exit.FINDING), status.err  # whatever ails the guest
    assert json.loads(status.out)["oom"]["balanced"]
    events = nodectl(guest, fleet, "events", "-o", "json")
    assert events.exit_code == Exit.OK, events.err
    recorded = [json.loads(line).get("oom_recorded") for line in events.out.splitlines()]
    assert incident.id in [kill["id"] for kill in recorded if kill]

    unnamed = nodectl(guest, other, "status")
    assert (unnamed.exit_code, unnamed.out) == (Exit.AGENT_ERROR, "")
    assert "PERMISSION_DENIED" in unnamed.err
    assert "DNS other.example" in unnamed.err
    unknown = nodectl(guest, stranger, "status")
    assert (unknown.exit_code, unknown.out) == (Exit.NO_AGENT, "")
    assert "it hung up when it had seen our certificate" in unknown.err
    assert asking.metric("nodewitness_tls_clients_refused_total") == 1
    expiry = asking.metric(
        "nodewitness_tls_certificate_expiry_timestamp_seconds", file="certificate"
    )
    assert expiry == node.until.timestamp()
