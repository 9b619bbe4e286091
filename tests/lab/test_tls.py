"""TLS in the guest. Over TCP who has the right certificate sees the kill; /metrics is rotated while
silent clients stand in its door.
"""

import hashlib
import io
import json
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.nodectl.exits import Exit
from agent.parse.certificate import parse_pem_certificates
from tests.certificates import DAY, Authority, Pair
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.scenarios.container_limit import init_over_limit
from tests.lab.stories import fire
from tests.lab.wire import Completed

PLACE = "/run/lab/tls"
ADDRESS = "127.0.0.1:9755"
SECONDS = 240.0
# More than there may be connections, each with the first bytes of a handshake and no more.
_SILENT = """
import socket, sys, time
held = []
for _ in range(40):
    held.append(socket.create_connection(("127.0.0.1", 9754), 60))
    held[-1].sendall(b"\\x16\\x03\\x01")
print("silent", flush=True)
time.sleep(86400)
"""
# The certificate that was shown, in its first line; then the page.
_SCRAPE = """
import hashlib, http.client, ssl, sys
ca, *pair = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if pair:
    context.load_cert_chain(*pair)
connection = http.client.HTTPSConnection("127.0.0.1", 9754, timeout=60, context=context)
connection.connect()
print(hashlib.sha256(connection.sock.getpeercert(True)).hexdigest())
connection.request("GET", "/metrics")
print(connection.getresponse().read().decode())
"""
# The certificate that gRPC over TCP shows.
_SHOWN = """
import hashlib, socket, ssl, sys
ca, *pair = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(*pair)
context.set_alpn_protocols(["h2"])
with socket.create_connection(("127.0.0.1", 9755), 60) as plain:
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        print(hashlib.sha256(connection.getpeercert(True)).hexdigest())
"""


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
        "nodewitness_tls_certificate_expiry_timestamp_seconds", endpoint="grpc", file="certificate"
    )
    assert expiry == node.until.timestamp()


class Scrape:
    """GET /metrics over TLS from within the guest; fails if it was refused."""

    def __init__(self, guest: Guest, pair: Pair) -> None:
        done = scrape(guest, pair)
        assert done.exit_code == 0, done.err
        self.shown, _, self._page = done.out.partition("\n")

    def value(self, name: str, **labels: str) -> float:
        """Of the one sample with these labels."""
        [found] = [
            sample.value
            for family in text_string_to_metric_families(self._page)
            for sample in family.samples
            if sample.name == f"nodewitness_{name}" and labels.items() <= sample.labels.items()
        ]
        return found


def scrape(guest: Guest, pair: Pair | None) -> Completed:
    files = [] if pair is None else [f"{PLACE}/{p.name}" for p in (pair.certificate, pair.key)]
    return guest.run(
        ["python3", "-c", _SCRAPE, f"{PLACE}/ca.pem", *files], check=False, seconds=120
    )


def shown_by_grpc(guest: Guest, pair: Pair) -> str:
    """What a handshake with the gRPC server shows now to the holder of this certificate."""
    files = [f"{PLACE}/{path.name}" for path in (pair.certificate, pair.key)]
    return guest.run(["python3", "-c", _SHOWN, f"{PLACE}/ca.pem", *files], seconds=120).out.strip()


def shown(pair: Pair) -> str:
    """As a scrape tells the certificate of this pair."""
    [der] = parse_pem_certificates(pair.certificate.read_bytes())
    return hashlib.sha256(der).hexdigest()


def test_metrics(guest: Guest, agent: AgentProcess, authority: Authority) -> None:
    """Silent clients keep no scrape out; a certificate is rotated without a restart, for gRPC too,
    and half of a pair is not taken. Who shows no certificate gets nothing.
    """
    old = authority.issue("127.0.0.1", to="old")
    new = authority.issue("127.0.0.1", until=old.until + 5 * DAY, to="new")
    prometheus = authority.issue("prometheus", to="prometheus")
    carry(guest, authority)
    guest.run(f"cd {PLACE} && cp old.pem tls.crt && cp old.key tls.key")
    agent.start(
        {
            "serve.grpc_address": ADDRESS,
            "serve.tls_certificate": f"{PLACE}/tls.crt",
            "serve.tls_key": f"{PLACE}/tls.key",
            "serve.tls_client_ca": f"{PLACE}/ca.pem",
            "serve.metrics_tls": "true",
            "serve.metrics_client_ca": f"{PLACE}/ca.pem",
            # No deadline helps: they have to make way.
            "serve.metrics_header_timeout": "5m",
        }
    )
    assert Scrape(guest, prometheus).shown == shown(old)
    assert scrape(guest, None).exit_code != 0
    with closing(guest.start(["python3", "-c", _SILENT])) as silent:
        silent.wait_out("silent", SECONDS)
        first = Scrape(guest, prometheus)
        assert first.value("http_connections_dropped_total", reason="limit") >= 20
        assert first.value("http_connections_dropped_total", reason="handshake") >= 1

        guest.run(f"cd {PLACE} && mv new.pem tls.crt")

        def told() -> bool:
            asked = Scrape(guest, prometheus)
            assert asked.shown == shown_by_grpc(guest, prometheus) == shown(old)
            failures = "tls_reload_failures_total"
            return all(asked.value(failures, endpoint=e) > 0 for e in ("grpc", "metrics"))

        until(told, SECONDS, "half of a pair is told of", agent.log)
        guest.run(f"cd {PLACE} && cp new.key key.part && mv key.part tls.key")

        def rotated() -> bool:
            asked = Scrape(guest, prometheus)
            expiry = "tls_certificate_expiry_timestamp_seconds"
            told = all(
                asked.value(expiry, endpoint=e, file="certificate") == new.until.timestamp()
                for e in ("grpc", "metrics")
            )
            return told and asked.shown == shown_by_grpc(guest, prometheus) == shown(new)

        until(rotated, SECONDS, "the new certificate is in use", agent.log)
        answer = nodectl(guest, prometheus, "status", "-o", "json")
        assert answer.exit_code in (Exit.OK, Exit.FINDING), answer.err
