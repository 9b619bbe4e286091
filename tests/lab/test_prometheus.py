"""A real Prometheus with the rules of deploy/prometheus as they are, and the dashboards' queries.

It scrapes every 15 s. `for` and `keep_firing_for` pass in real time: a disk that hangs has
the shortest ones of the alerts that are over by themselves (1m and 2m).
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from agent.api.v1.condition_pb2 import CONDITION_STATUS_TRUE
from tests.certificates import Authority
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.cache import PROJECT
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.prometheus import JOB, Prometheus, prometheus
from tests.lab.scenarios.case import Case
from tests.lab.scenarios.container_limit import child_over_limit_then_exit
from tests.lab.scenarios.etcd import etcd_stand_in
from tests.lab.scenarios.kubelet import API_PORT, stand_in
from tests.lab.scenarios.kubelet import told as saying
from tests.lab.scenarios.outside import service_over_limit
from tests.lab.scenarios.slow_disk import MOUNT, slow_disk
from tests.lab.test_cni import LOCK
from tests.lab.test_heartbeat import SERVER
from tests.lab.test_tls import ADDRESS, PLACE, carry
from tests.prometheus.rules import alerts

SECONDS = 180.0
MIB = 1 << 20
DISK = "NodeWitnessDiskStalled"
RAISED_SECONDS = 300.0
"""disks.stalled_after (10s), `for` (1m), and what a loaded emulated node takes beside."""
OVER_SECONDS = 420.0
"""The condition's end, keep_firing_for (2m), and the same."""
HIDDEN = "NodeWitnessHiddenOOMKill"
PODS = ("stuck", "hidden", "leaking")
Query = tuple[str, str, str, str, bool]
"""The dashboard, the panel, the legend, the expression, and whether the last moment is asked."""
DASHBOARDS = sorted((PROJECT / "deploy/grafana").glob("*.json"))
LONG = ("10m", "15m")
"""`for` of alerts that cannot fire within this test, such as that of an emulated node's CPUs."""
TTL = "1m"
"""conditions.event_ttl: kills of the tests before this one are no news any more."""

LEAK_KIB, LEAK_MIB, LEAK_LIMIT_MIB = 3072, 360, 400
"""Two minutes of it: a line to the container's limit, and one to the end of the node's memory."""
HOLDS = f"""
import fcntl, os, time
os.makedirs(os.path.dirname("{LOCK}"), exist_ok=True)
file = open("{LOCK}", "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(3600)
"""
"""The lock of host-local, for which every ADD waits."""
OVERLAY = (
    "ip link add lab-vx type vxlan id 42 dstport 8472 local 127.0.0.1 && ip link set lab-vx up"
)


def test_alerts_and_dashboards(
    pods: Pods, agent: AgentProcess, guest: Guest, tmp_path: Path, figures: list[str]
) -> None:
    """A disk that hangs under a pod raises its alert and no other, which is over when the disk
    answers again, although more goes on beside it; so does a hidden OOM kill. Then, with all that a
    healthy node of the lab has not, every panel of both dashboards has data.
    """
    agent.start({"conditions.event_ttl": TTL, **over_tls(guest, tmp_path)})
    asking = Asking(agent)
    quiet(asking)
    port = guest.machine.ports.metrics
    begun = time.time()
    with (
        prometheus(tmp_path, port) as asked,
        slow_disk(guest) as disk,
        rule(guest),
        ExitStack() as beside,
    ):
        rules = asked.rules()
        assert len([rule for rule in rules if rule["type"] == "alerting"]) > 40
        mounts = [{"host_path": MOUNT, "container_path": "/data"}]
        stuck = pods.create("stuck", memory_max=128 * MIB, host_network=False).container(
            "main",
            ["/bin/work", "write", "/data/f", "0"],
            mounts=mounts,
            memory_max=96 * MIB,
            unified={"cpu.max": "100000 100000"},
        )
        until(lambda: guest.exists(f"{MOUNT}/f"), SECONDS, "it writes")
        disk.suspend()
        since = time.monotonic()
        labels = raised(asked, DISK, asking)
        figures.append(f"prometheus: {DISK} fires {time.monotonic() - since:.0f} s after the fault")
        assert (labels["severity"], labels["job"]) == ("critical", JOB)
        assert labels["node"] == asking.status().identity.node
        found = 'nodewitness_condition_severity{condition="DiskStalled", severity="critical"} == 1'
        until(lambda: asked.query(found, time.time()), SECONDS, "critical")  # a scrape may fail
        disk.resume()
        since = time.monotonic()
        beside.enter_context(not_of_every_node(pods, asking))
        until(
            lambda: not only(asked, DISK), OVER_SECONDS, "it is over", lambda: told(asked), every=1
        )
        figures.append(f"prometheus: and is over {time.monotonic() - since:.0f} s after it ended")

        pods.create("connected", host_network=False)  # calls of the CNI between two scrapes
        hidden = child_over_limit_then_exit(pods, name="hidden")
        zero = 'nodewitness_oom_kills_total{pod="hidden", outcome="survived"}'
        until(lambda: asked.query(zero, time.time()), SECONDS, "its counter stands at zero")
        hidden.fire()
        since = time.monotonic()
        labels = raised(asked, HIDDEN, asking)
        figures.append(f"prometheus: {HIDDEN} fires {time.monotonic() - since:.0f} s after it")
        named = (labels["namespace"], labels["pod"], labels["container"], labels["severity"])
        assert named == ("default", "hidden", "main", "critical")
        missing = without_data(list(queries()), asked, begun, port)  # while something is wrong
        only(asked, HIDDEN)  # no longer so below, where calls of the CNI hang and memory runs out

        def all_have() -> bool:
            missing[:] = without_data(missing, asked, begun, port)
            return not missing

        since = time.monotonic()
        with in_the_middle(pods):
            stuck.stop(0)  # a death, with its verdict
            contradicted(hidden)
            until(all_have, SECONDS, "each panel has data", lambda: str(missing), every=2)
        took = time.monotonic() - since
        every = list(queries())
        panels = len({query[:2] for query in every})
        figures.append(
            f"prometheus: all {len(every)} queries of the {panels} panels of {len(DASHBOARDS)}"
            f" dashboards have data, the last of them after {took:.0f} s"
        )
        figures.append(f"prometheus: {scrapes(asked)}")
        broken = [rule for rule in asked.rules() if rule["health"] != "ok"]
        assert not broken


def over_tls(guest: Guest, directory: Path) -> dict[str, str]:
    """Settings for gRPC over TCP, whose certificates are in the guest."""
    authority = Authority(directory / "ca")
    pair = authority.issue("127.0.0.1", to="node")
    carry(guest, authority)
    return {
        "serve.grpc_address": ADDRESS,
        "serve.tls_certificate": f"{PLACE}/{pair.certificate.name}",
        "serve.tls_key": f"{PLACE}/{pair.key.name}",
        "serve.tls_client_ca": f"{PLACE}/ca.pem",
        "serve.tls_clients": "fleet.example",
    }


@contextmanager
def not_of_every_node(pods: Pods, asking: Asking) -> Iterator[None]:
    """What the dashboards show, the lab's nodes have not, and what raises no alert: a kubelet that
    was restarted and calls an API server, an overlay device, a service killed at its own limit.
    """
    guest = pods.node.guest
    service_over_limit(pods.node).fire()
    guest.run(OVERLAY)
    try:
        with kubelet_restarted(guest, asking):
            yield
    finally:
        guest.run("ip link delete lab-vx", check=False)


@contextmanager
def in_the_middle(pods: Pods) -> Iterator[None]:
    """A container that grows, an etcd on the slow disk, a pod that waits for its network, and a
    program that is in the middle of changing the packet filter.
    """
    guest = pods.node.guest
    argv = ["/bin/work", "leak", str(LEAK_KIB), str(LEAK_MIB)]
    pods.create("leaking").container("main", argv, memory_max=LEAK_LIMIT_MIB * MIB)
    with ThreadPoolExecutor(max_workers=1) as pool, ExitStack() as ended:
        ended.enter_context(closing(etcd_stand_in(guest, MOUNT)))
        holder = ended.enter_context(closing(guest.start(["python3", "-c", HOLDS])))
        holder.wait_out("held", SECONDS)
        waits = pool.submit(pods.create, "waits", host_network=False)
        restore = ended.enter_context(closing(guest.start(["iptables-legacy-restore"])))
        restore.send(b"*filter\n")
        yield
        restore.close()
        holder.close()
        waits.result()


@contextmanager
def kubelet_restarted(guest: Guest, asking: Asking) -> Iterator[None]:
    """One that came after another, and is connected to an API server."""
    with closing(stand_in(guest)) as first:
        until(
            lambda: asking.kubelet().process.pid == first.pid,
            SECONDS,
            "the kubelet is known",
            lambda: str(asking.kubelet()),
        )
    with closing(guest.start(["python3", "-c", SERVER, "127.0.0.1", str(API_PORT)])) as server:
        server.wait_out("listening", SECONDS)
        with closing(stand_in(guest)), saying(guest, "call"):
            until(
                lambda: asking.metric("nodewitness_kubelet_restarts_total") == 1,
                SECONDS,
                "it was restarted",
                lambda: str(asking.kubelet()),
            )
            yield


def contradicted(hidden: Case) -> None:
    """Its container ends well, of which the runtime says that it was OOM-killed."""
    container = hidden.the_container
    until(
        lambda: container.status().get("reason") == "OOMKilled",
        SECONDS,
        "the runtime has heard of the kill",
    )
    container.group.guest.run(["kill", "-TERM", str(container.init_pid())])
    assert container.wait_exited()["reason"] == "OOMKilled"


@contextmanager
def rule(guest: Guest) -> Iterator[None]:
    """The packet filter is empty on this node, and has no size then."""
    drop = "iptables {} INPUT -s 192.0.2.1 -j DROP"
    guest.run(drop.format("-A"))
    try:
        yield
    finally:
        guest.run(drop.format("-D"), check=False)


def quiet(asking: Asking) -> None:
    """Wait until what the tests before this one have done is over, as far as an alert could tell of
    it before this one ends.
    """
    soon = {alert.condition for alert in alerts() if alert.after not in LONG}

    def bad() -> list[Any]:
        every = asking.conditions(statuses=[CONDITION_STATUS_TRUE])
        return [condition for condition in every if condition.type in soon]

    until(lambda: not bad(), SECONDS, "nothing is wrong", lambda: str(bad()), every=1)


def only(asked: Prometheus, name: str) -> dict[str, Any]:
    """What fires now, which is this alert or nothing."""
    firing = asked.firing()
    assert set(firing) <= {name}, told(asked)
    return firing


def raised(asked: Prometheus, name: str, asking: Asking) -> dict[str, Any]:
    """The labels of the alert, once it fires."""
    found: dict[str, Any] = until(
        lambda: only(asked, name).get(name),
        RAISED_SECONDS,
        f"{name} fires",
        lambda: f"{told(asked)}\n{asking.conditions()}",
        every=1,
    )
    return found


def told(asked: Prometheus) -> str:
    return json.dumps(asked.alerts(), indent=1)


def queries() -> Iterator[Query]:
    """All that both dashboards ask."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                legend, expr, instant = (target[key] for key in ("legendFormat", "expr", "instant"))
                yield path.stem, panel["title"], legend, expr, instant


def without_data(some: list[Query], asked: Prometheus, begun: float, port: int) -> list[Query]:
    """Those without a value. What is about a pod may have one of either."""
    now = time.time()
    chosen = {
        "$__rate_interval": "1m",
        "$__range": f"{now - begun:.0f}s",
        "$cluster": ".*",
        "$job": JOB,
        "$instance": f"127.0.0.1:{port}",
        "$namespace": "default",
        "$container": ".*",
    }

    def has_data(query: Query, pod: str) -> bool:
        *_, expr, instant = query
        for name, value in {**chosen, "$pod": pod}.items():
            expr = expr.replace(name, value)
        if instant:
            return any(float(one["value"][1]) >= 0 for one in asked.query(expr, now))
        series = asked.query_range(expr, begun, now)
        return any(float(value) >= 0 for one in series for _, value in one["values"])  # no NaN

    return [query for query in some if not any(has_data(query, pod) for pod in PODS)]


def scrapes(asked: Prometheus) -> str:
    """What they cost."""
    now = time.time()
    (samples,) = asked.query(f'scrape_samples_scraped{{job="{JOB}"}}', now)
    (took,) = asked.query(f'max_over_time(scrape_duration_seconds{{job="{JOB}"}}[10m])', now)
    return f"{samples['value'][1]} samples a scrape, which took {took['value'][1]} s at most"
