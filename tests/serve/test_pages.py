"""What /metrics says, in both formats, as a scraper reads it."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import Gauge
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.model.oom import LimitLevel
from agent.serve.container_series import FAMILIES
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.registry import ScrapeCollector, build_registry
from agent.serve.request import Request, Response
from agent.serve.statistics import HttpStatistics, TlsStatistics
from tests.serve.sample import STATUS, SampleView, kills
from tests.serve.usage_sample import RUNNING

PROCESS = "nodewitness_process_"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def view() -> SampleView:
    return SampleView()


@pytest.fixture
def pages(view: SampleView) -> Pages:
    return Pages(view, HttpStatistics(connections=1, scrapes=2, last_scrape_seconds=0.25))


def text(pages: Pages, form: Format) -> str:
    return b"".join(pages.pieces(form)).decode()


def samples(pages: Pages, form: Format = Format.TEXT) -> Samples:
    """Every sample of a scrape; fails if a series or a family stands twice."""
    parse = parse_text if form is Format.TEXT else parse_openmetrics
    families = list(parse(text(pages, form)))
    assert len({family.name for family in families}) == len(families)
    listed = [
        ((sample.name, tuple(sorted(sample.labels.items()))), sample.value)
        for family in families
        for sample in family.samples
    ]
    assert len(dict(listed)) == len(listed)
    return dict(listed)


def value(read: Samples, name: str, **labels: str) -> float | None:
    return read.get((f"nodewitness_{name}", tuple(sorted(labels.items()))))


def named(read: Samples, name: str) -> list[dict[str, str]]:
    return [dict(labels) for (each, labels) in read if each == f"nodewitness_{name}"]


def steady(read: Samples) -> Samples:
    """Without what the process itself does between two scrapes."""
    return {key: read[key] for key in read if not key[0].startswith(PROCESS)}


def test_both_formats_say_the_same(pages: Pages) -> None:
    """The sample set is the same, and only OpenMetrics ends with EOF."""
    assert steady(samples(pages, Format.TEXT)) == steady(samples(pages, Format.OPENMETRICS))
    assert text(pages, Format.OPENMETRICS).endswith("\n# EOF\n")
    assert text(pages, Format.OPENMETRICS).count("# EOF") == 1
    assert "# EOF" not in text(pages, Format.TEXT)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("oom_kills_total", {"outcome": "survived", "container": "app"}, 3),
        ("oom_kills_total", {"outcome": "died", "container": "app"}, 0),
        ("oom_kills_total", {"outcome": "unknown", "container": "proxy"}, 0),
        ("oom_system_kills_total", {"unit": "containerd.service"}, 2),
        ("oom_kill_repeats_total", {}, 2),
        ("oom_kills_unattributed_total", {}, 1),
        ("oom_drill_kills_total", {}, 1),
        ("oom_claims_disbelieved_total", {}, 9),
        ("oom_kills_counted_total", {}, 14),
        ("oom_books_balanced", {}, 1),
        ("oom_kills_pending", {}, 1),
        ("oom_series_evicted_total", {}, 4),
        ("source_up", {"source": "kmsg"}, 1),
        ("source_up", {"source": "vmstat"}, 0),
        ("source_up", {"source": "trace"}, None),
        ("source_absent", {"source": "trace", "absence": "UNSUPPORTED"}, 1),
        ("source_absent", {"source": "vmstat", "absence": "FAILED"}, None),
        ("source_records_total", {"source": "kmsg"}, 70),
        ("source_records_lost_total", {"source": "kmsg"}, 3),
        ("events_dropped_total", {"queue": "journal"}, 5),
        ("events_dropped_total", {"queue": "subscribers"}, 6),
        ("journal_up", {}, 1),
        ("journal_bytes", {}, 4096),
        ("journal_events", {}, 12),
        ("journal_waiting_events", {}, 3),
        ("event_subscribers", {}, 2),
        ("abandoned_workers", {}, 0),
        ("trace_buffer_bytes", {}, 16 << 20),
        ("http_connections", {}, 1),
        ("http_connections_dropped_total", {"reason": "silent"}, 0),
        ("scrapes_total", {}, 2),
        ("scrape_duration_seconds", {}, 0.25),
        (
            "node_info",
            {
                "node": "node-1",
                "kernel_release": "6.1.0-56",
                "cgroup_mode": "v2",
                "cgroup_driver": "systemd",
            },
            1,
        ),
    ],
)
def test_each_family(
    pages: Pages, name: str, labels: dict[str, str], expected: float | None
) -> None:
    """One row of the sample's figures for each family."""
    if name == "oom_kills_total":
        labels = {**labels, "namespace": "shop", "pod": "web-0"}
    assert value(samples(pages), name, **labels) == expected


def test_the_process(pages: Pages) -> None:
    """What the agent itself costs is there, and says its version."""
    read = samples(pages)
    for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds"):
        assert value(read, f"process_{name}") is not None
    (build,) = named(read, "build_info")
    assert build["version"] == "0.1.0"
    assert not [name for name, _ in read if name.endswith("_created")]
    assert not [name for name, _ in read if not name.startswith("nodewitness_")]


def test_every_limit_from_zero(view: SampleView, pages: Pages) -> None:
    """Each limit has its series before anything happened, so that increase() sees the first."""
    view.oom = replace(view.oom, incidents={})
    read = samples(pages)
    assert {label["limit"] for label in named(read, "oom_incidents_total")} == {
        level.value for level in LimitLevel
    }
    assert value(read, "oom_incidents_total", limit="container") == 0


def test_unknown_is_absent(view: SampleView, pages: Pages) -> None:
    """An unknown count claims nothing, and a journal that is off is not down."""
    view.now = replace(
        STATUS,
        oom=replace(STATUS.oom, counted=None),
        journal=replace(STATUS.journal, state="off"),
    )
    read = samples(pages)
    for name in ("oom_kills_counted_total", "oom_books_balanced", "journal_up"):
        assert value(read, name) is None
    assert value(read, "oom_kills_pending") == 1


def test_unbalanced_books_and_a_full_disk(view: SampleView, pages: Pages) -> None:
    """Books that do not balance and a journal that does not write read 0."""
    view.now = replace(
        STATUS,
        oom=replace(STATUS.oom, counted=99),
        journal=replace(STATUS.journal, state="full"),
    )
    read = samples(pages)
    assert value(read, "oom_books_balanced") == 0
    assert value(read, "journal_up") == 0
    view.now = replace(STATUS, oom=replace(STATUS.oom, overdue=1))
    assert value(samples(pages), "oom_books_balanced") == 0


def test_no_container(view: SampleView, pages: Pages) -> None:
    """A node without pods has the family's head, and both formats still parse."""
    view.show()
    for form in Format:
        assert named(samples(pages, form), "oom_kills_total") == []


@pytest.mark.parametrize("form", Format)
def test_hostile_names(view: SampleView, pages: Pages, form: Format) -> None:
    """Nothing that a container or a unit is called breaks a scrape or forges a series."""
    forged = 'x"} 1\nnodewitness_oom_kills_unattributed_total 99\n# EOF\n'
    view.show(kills("n\udcff", forged, "\x1b[2J", died=1), kills("\\", "", '"'))
    view.oom = replace(view.oom, system_kills={forged: 1, "\udcff": 2, r"\xff": 3})
    view.now = replace(STATUS, identity=replace(STATUS.identity, node=forged))
    read = samples(pages, form)
    assert value(read, "oom_kills_unattributed_total") == 1
    assert value(read, "oom_system_kills_total", unit=r"\xff") == 5
    pods = {label["pod"] for label in named(read, "oom_kills_total")}
    assert pods == {forged.replace("\n", r"\x0a"), ""}


def test_a_name_is_refused_to_others() -> None:
    """No second family of a name of ours gets into the registry, not even of the one by hand."""

    registry = build_registry(ScrapeCollector())
    for name in ("nodewitness_oom_kills", "nodewitness_journal_bytes"):
        with pytest.raises(ValueError, match="Duplicated"):
            Gauge(name, "", registry=registry)


def ask(path: str, **headers: str) -> Request:
    return Request(
        method="GET", path=path, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def body(response: Response) -> bytes:
    return b"".join(response.body)


async def test_negotiation(pages: Pages) -> None:
    """The answer is what the headers ask for, and says so."""
    plain = await pages.respond(ask("/metrics"))
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "Content-Encoding" not in plain.headers
    packed = await pages.respond(
        ask("/metrics", accept="application/openmetrics-text", accept_encoding="gzip")
    )
    assert packed.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body(packed)).endswith(b"# EOF\n")


@pytest.mark.parametrize("encoding", ["gzip", ""])
async def test_others_run_during_a_scrape(encoding: str) -> None:
    """A thousand containers are written in steps, of one moment all the same."""
    view, many = SampleView(), 1000
    record = RUNNING.containers[0]
    names = [replace(record.names, name=f"app-{number}") for number in range(many)]
    containers = tuple(replace(record, names=each) for each in names)
    view.now_running = replace(RUNNING, containers=containers)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            view.now_running = replace(RUNNING, containers=())
            await asyncio.sleep(0)

    pages = Pages(view, HttpStatistics())
    asked = ask("/metrics", accept_encoding=encoding)
    scrape = asyncio.create_task(pages.respond(asked))
    async with asyncio.TaskGroup() as group:
        busy = group.create_task(others())
        written = body(await scrape)
        busy.cancel()
    text = gzip.decompress(written) if encoding else written
    assert turns > len(FAMILIES) / 2
    assert text.count(b"\nnodewitness_container_pids{") == many


async def test_a_scrape_is_measured(view: SampleView) -> None:
    """The first scrape says no duration, the second that of the first."""
    statistics = HttpStatistics()
    pages = Pages(view, statistics)
    first = body(await pages.respond(ask("/metrics")))
    assert b"\nnodewitness_scrape_duration_seconds " not in first
    assert b"\nnodewitness_scrapes_total 0.0\n" in first
    second = body(await pages.respond(ask("/metrics")))
    assert b"\nnodewitness_scrape_duration_seconds " in second
    assert statistics.scrapes == 2


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/healthz", 200), ("/favicon.ico", 404)])
async def test_other_pages(pages: Pages, path: str, status: int) -> None:
    """/ and what is not there say where things are."""
    response = await pages.respond(ask(path))
    assert response.status == status
    assert (body(response) == b"ok\n") if path == "/healthz" else (b"/metrics" in body(response))


def promtool() -> str:
    """promtool as `make check` fetches it; skips without it, but not in CI."""
    cache = Path(os.environ.get("NODEWITNESS_CACHE", Path(__file__).parents[2] / ".cache"))
    fetched = cache / "promtool" / "usr" / "bin" / "promtool"
    found = (
        os.environ.get("PROMTOOL")
        or shutil.which("promtool", path=str(fetched.parent))
        or shutil.which("promtool")
    )
    if found:
        return found
    if os.environ.get("CI"):
        pytest.fail("no promtool: `make check` fetches it before the tests")
    pytest.skip("no promtool: `make check` fetches it")


def test_promtool(pages: Pages) -> None:
    """Prometheus's own linter has nothing to say about names, units and help."""
    checked = subprocess.run(
        [promtool(), "check", "metrics"],
        input=text(pages, Format.TEXT),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_tls(view: SampleView, pages: Pages) -> None:
    """An endpoint without TLS says nothing of certificates; the others do, each for itself."""
    expiry = "tls_certificate_expiry_timestamp_seconds"
    refused = "tls_clients_refused_total"
    read = samples(pages)
    assert value(read, expiry, endpoint="grpc", file="certificate") is None
    assert value(read, refused) is None
    grpc = TlsStatistics(
        endpoint="grpc", certificate_until=1_800_000_000, client_ca_until=1_900_000_000, refused=3
    )
    metrics = TlsStatistics(endpoint="metrics", certificate_until=1_700_000_000, reload_failures=2)
    read = samples(Pages(view, HttpStatistics(), (grpc, metrics)))
    assert value(read, expiry, endpoint="grpc", file="certificate") == 1_800_000_000
    assert value(read, expiry, endpoint="grpc", file="client_ca") == 1_900_000_000
    assert value(read, expiry, endpoint="metrics", file="certificate") == 1_700_000_000
    assert value(read, expiry, endpoint="metrics", file="client_ca") is None
    assert value(read, "tls_reload_failures_total", endpoint="grpc") == 0
    assert value(read, "tls_reload_failures_total", endpoint="metrics") == 2
    assert value(read, refused) == 3
