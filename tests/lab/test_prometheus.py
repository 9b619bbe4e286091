"""A real Prometheus with the rules of deploy/prometheus as they are, and the dashboards' queries.

It scrapes every ten seconds. `for` and `keep_firing_for` pass in real time: a disk that hangs has
the shortest ones of the alerts that are over by themselves (1m and 2m).
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.api.v1.condition_pb2 import CONDITION_STATUS_TRUE
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.cache import PROJECT
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.prometheus import JOB, Prometheus, prometheus
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.scenarios.slow_disk import MOUNT, slow_disk
from tests.prometheus.rules import alerts

SECONDS = 180.0
MIB = 1 << 20
DISK = "NodeWitnessDiskStalled"
RAISED_SECONDS = 300.0
"""disks.stalled_after (10s), `for` (1m), and what a loaded emulated node takes beside."""
OVER_SECONDS = 420.0
"""The condition's end, keep_firing_for (2m), and the same."""
HIDDEN = "NodeWitnessHiddenOOMKill"
PODS = ("stuck", "hidden")
Query = tuple[str, str, str, bool]
"""The panel, the legend, the expression, and whether the last moment is asked for."""
DASHBOARDS = sorted((PROJECT / "deploy/grafana").glob("*.json"))
LONG = ("10m", "15m")
"""`for` of alerts that cannot fire within this test, such as that of an emulated node's CPUs."""
TTL = "1m"
"""conditions.event_ttl: kills of the tests before this one are no news any more."""

NO_DATA = {
    "OOM kills outside pods": "nobody outside of a pod was killed",
    "The runtime's word against the kernel's": "they agree",
    "kubelet": "of the restarts: this node has no kubelet",
    "The kubelet lives and answers": "this node has no kubelet",
    "Time that the kubelet's healthz takes": "this node has no kubelet",
    "Connections to the API server": "this node has neither a kubelet nor an API server",
    "Time left until an eviction": "nothing goes down in a straight line",
    "Time left until a container's limit": "nothing grows in a straight line",
    "Time left until the memory limit": "nothing grows in a straight line",
    "The disk that etcd syncs to": "this node has no etcd",
    "oldest in flight": "of the calls of the CNI: none was in flight at a scrape",
    "Overlay devices": "this node has none",
    "The oldest program that changes the packet filter": "none ran at a scrape",
    "Time until certificates end": "gRPC over TCP is off, as it is by default",
}
"""What may have no data on a healthy node of the lab, by panel or by legend, and why."""


def test_alerts_and_dashboards(
    pods: Pods, agent: AgentProcess, guest: Guest, tmp_path: Path, figures: list[str]
) -> None:
    """A disk that hangs under a pod raises its alert and no other, which is over when the disk
    answers again; so does a hidden OOM kill; and every panel of the dashboards has data.
    """
    agent.start({"conditions.event_ttl": TTL})
    asking = Asking(agent)
    quiet(asking)
    port = guest.machine.ports.metrics
    begun = time.time()
    with prometheus(tmp_path, port) as asked, slow_disk(guest) as disk, rule(guest):
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
        disk.resume()
        since = time.monotonic()
        until(
            lambda: not only(asked, DISK), OVER_SECONDS, "it is over", lambda: told(asked), every=1
        )
        figures.append(f"prometheus: and is over {time.monotonic() - since:.0f} s after it ended")

        pods.create("connected", host_network=False)  # calls of the CNI between two scrapes
        hidden = child_over_limit(pods, name="hidden")
        zero = 'nodewitness_oom_kills_total{pod="hidden", outcome="survived"}'
        until(lambda: asked.query(zero, time.time()), SECONDS, "its counter stands at zero")
        hidden.fire()
        since = time.monotonic()
        labels = raised(asked, HIDDEN, asking)
        figures.append(f"prometheus: {HIDDEN} fires {time.monotonic() - since:.0f} s after it")
        named = (labels["namespace"], labels["pod"], labels["container"], labels["severity"])
        assert named == ("default", "hidden", "main", "critical")
        missing = [query for query in queries() if not {*query[:2]} & NO_DATA.keys()]
        count = len(missing)
        missing = without_data(missing, asked, begun, port)  # while something is wrong
        stuck.stop(0)  # a death, with its verdict

        def all_have() -> bool:
            missing[:] = without_data(missing, asked, begun, port)
            return not missing

        until(all_have, SECONDS, "each panel has data", lambda: str(missing), every=2)
        figures.append(f"prometheus: {count} queries of the dashboards have data")
        figures.append(f"prometheus: {scrapes(asked)}")
        assert not set(only(asked, HIDDEN)) - {HIDDEN}
        broken = [rule for rule in asked.rules() if rule["health"] != "ok"]
        assert not broken


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
                yield panel["title"], target["legendFormat"], target["expr"], target["instant"]


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
        _, _, expr, instant = query
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
