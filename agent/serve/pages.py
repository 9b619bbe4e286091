"""The pages of the metrics endpoint: /metrics, /healthz, and / that says where things are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http import HTTPStatus

from agent.serve import conditions
from agent.serve.cadvisor import CadvisorNames
from agent.serve.container_series import ContainerSeries
from agent.serve.exits import EXITS, ExitLines
from agent.serve.exposition import EOF, ContainerLines, gathered, gzipped, registry_text
from agent.serve.negotiate import Format, accepts_gzip, choose_format
from agent.serve.oom import KILLS
from agent.serve.registry import ScrapeCollector, build_registry
from agent.serve.request import Request, Response
from agent.serve.scrape import Scrape
from agent.serve.statistics import HttpStatistics, TlsStatistics
from agent.serve.view import View

_WHERE = "nodewitness: /metrics for Prometheus, /healthz for probes; `nodectl status` for people\n"


class Pages:
    """Writes the pages from the view. Rendering runs on the event loop, in short steps."""

    def __init__(
        self,
        view: View,
        statistics: HttpStatistics,
        tls: tuple[TlsStatistics, ...] = (),
        *,
        cadvisor_names: bool = False,
    ) -> None:
        self._view = view
        self._statistics = statistics
        self._tls = tls
        self._collector = ScrapeCollector()
        self._registry = build_registry(self._collector)
        self._kills = ContainerLines(KILLS)
        self._containers = ContainerSeries()
        self._exits = ExitLines()
        self._cadvisor = CadvisorNames() if cadvisor_names else None

    async def respond(self, request: Request) -> Response:
        """The page that the request asks for."""
        match request.path:
            case "/metrics":
                return await self._metrics(request)
            case "/healthz":
                return Response.words(HTTPStatus.OK, "ok\n")
            case "/":
                return Response.words(HTTPStatus.OK, _WHERE)
            case _:
                return Response.words(HTTPStatus.NOT_FOUND, f"no such page; {_WHERE}")

    def pieces(self, form: Format) -> Iterator[bytes]:
        """All metrics of this moment. Each piece is written when it is asked for, in some
        milliseconds; between them others may run.
        """
        series, running, deaths = self._view.series(), self._view.running(), self._view.exits()
        self._collector.now = Scrape(
            status=self._view.status(),
            series=series,
            http=self._statistics,
            tls=self._tls,
            memory=self._view.memory(),
            pressure=self._view.pressure(),
            cni=self._view.cni(),
            network=self._view.network(),
            heartbeat=self._view.heartbeat(),
            plumbing=self._view.plumbing(),
            runtime=self._view.runtime(),
            kubelet=self._view.kubelet(),
            cpu=self._view.cpu(),
            disks=self._view.disks(),
            blocked=self._view.blocked(),
            faults=self._view.faults(),
            pulls=self._view.pulls(),
            conditions=conditions.series(self._view.conditions),
        )
        yield registry_text(self._registry, form)
        yield KILLS.head(form) + b"".join(self._kills.lines(series.containers))
        yield from self._containers.pieces(running, form)
        if deaths:
            yield EXITS.head(form)
            yield from self._exits.pieces(deaths)
        if self._cadvisor is not None:
            yield from self._cadvisor.pieces(series, running, form)
        if form is Format.OPENMETRICS:
            yield EOF

    async def _metrics(self, request: Request) -> Response:
        form = choose_format(request.headers.get("accept", ""))
        headers = {"Content-Type": form.value, "Vary": "Accept, Accept-Encoding"}
        begun = time.perf_counter()
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            body = await gzipped(self.pieces(form))
            headers["Content-Encoding"] = "gzip"
        else:
            body = await gathered(self.pieces(form))
        self._statistics.last_scrape_seconds = time.perf_counter() - begun
        self._statistics.scrapes += 1
        return Response(body=body, headers=headers)
