"""The metric families of the agent, in the order of a scrape; docs/metrics.md is made of them.

A new family is a row in the file of its capability. Families with a series for each container are
no rows, for they are rendered by hand: agent.serve.oom.KILLS, agent.serve.exits.EXITS, and those of
agent.serve.container_series.
"""

from __future__ import annotations

from agent.serve import (
    agent,
    cni,
    conditions,
    cpu,
    endpoints,
    heartbeat,
    io,
    kubelet,
    memory,
    network,
    oom,
    plumbing,
    pressure,
    pulls,
    runtime,
)
from agent.serve.row import HistogramRow, Row

ROWS: tuple[Row, ...] = (
    *oom.ROWS,
    *agent.ROWS,
    *endpoints.ROWS,
    *conditions.ROWS,
    *memory.ROWS,
    *pressure.ROWS,
    *cni.ROWS,
    *network.ROWS,
    *runtime.ROWS,
    *pulls.ROWS,
    *heartbeat.ROWS,
    *kubelet.ROWS,
    *cpu.ROWS,
    *plumbing.ROWS,
    *io.ROWS,
    *endpoints.SCRAPE_ROWS,
)

HISTOGRAMS: tuple[HistogramRow, ...] = (
    *runtime.HISTOGRAMS,
    *kubelet.HISTOGRAMS,
    *agent.HISTOGRAMS,
)
