"""The dashboards of deploy/grafana: a model that Grafana reads, asking for series that we have.

That every expression parses is checked by promtool (tools/promtool.sh), that every panel has data
once there is what it shows by the lab (tests/lab/test_prometheus.py).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from agent.model.condition import Verity
from agent.nodectl.main import cli
from tests.prometheus.rules import ROOT, selectors
from tests.test_docs import families
from tools.dashboards.__main__ import DIRECTORY, dashboards, written
from tools.dashboards.grafana import COLUMNS, to_json
from tools.dashboards.model import Dashboard

Json = dict[str, Any]
WRITE = bool(os.environ.get("NODEWITNESS_WRITE_GOLDEN"))
FILES = sorted((ROOT / "deploy/grafana").glob("*.json"))
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TARGET = {"cluster", "job", "instance"}
"""The labels that Prometheus adds, as the rules have them."""
VARIABLES = {
    "nodewitness-node": ["datasource", "cluster", "job", "instance"],
    "nodewitness-pod": [
        "datasource",
        "cluster",
        "job",
        "namespace",
        "pod",
        "container",
        "instance",
    ],
}
UNITS = {"none", "bytes", "Bps", "s", "percentunit", "ops", "pps", "cps"}
GRAFANAS = {"__rate_interval", "__range", "__data", "__url_time_range", "datasource"}
"""Variables that are there by themselves."""
ACCUMULATED = {"nodewitness_oom_kills_counted_total", "nodewitness_oom_kills_before_start_total"}
ACCUMULATED |= {"nodewitness_oom_kills_unattributed_total", "nodewitness_oom_kill_repeats_total"}
"""Counters that are shown as they stand, for they are the two sides of the books."""


def each_file() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def model(path: Path) -> Json:
    read: Json = json.loads(path.read_text())
    return read


def panels(path: Path) -> list[Json]:
    """Those that ask something."""
    return [panel for panel in model(path)["panels"] if panel["type"] != "row"]


def exprs(path: Path) -> Iterator[tuple[str, Json]]:
    """(title of the panel, target) of each query."""
    for panel in panels(path):
        yield from ((panel["title"], target) for target in panel["targets"])


@cache
def series() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each series that can be asked for."""
    found: dict[str, tuple[str, set[str]]] = {"up": ("gauge", set())}
    for name, kind, labels, _ in families():
        if kind == "histogram":
            found[f"{name}_bucket"] = ("counter", {*labels, "le"})
        else:
            found[name] = (kind, set(labels))
    return found


@pytest.mark.parametrize("dashboard", dashboards(), ids=lambda dashboard: dashboard.uid)
def test_json_is_of_the_yaml(dashboard: Dashboard) -> None:
    """What is kept is what `python -m tools.dashboards write` makes."""
    if WRITE:
        written(dashboard).write_text(to_json(dashboard))
    assert written(dashboard).read_text() == to_json(dashboard)


def test_there_are_no_others() -> None:
    """A node's view and a pod's, each by its uid."""
    assert sorted(map(written, dashboards())) == FILES == sorted(DIRECTORY.iterdir())
    assert [path.stem for path in FILES] == list(VARIABLES)
    for path in FILES:
        assert model(path)["uid"] == path.stem


@each_file()
def test_panels_have_ids_and_places_of_their_own(path: Path) -> None:
    """Unique ids and titles; nothing lies upon another, or beside the grid."""
    every = model(path)["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert len({panel["title"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= COLUMNS
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@each_file()
def test_every_panel_says_what_it_shows(path: Path) -> None:
    """A title, a sentence, a unit, a query; and Prometheus by the variable."""
    commands = set(cli.list_commands(click.Context(cli)))
    for panel in panels(path):
        title, text = panel["title"], panel["description"]
        assert title[0].isupper()
        assert re.search(r"(\.|: nodectl [a-z -]+)$", text), text
        assert set(re.findall(r"nodectl ([a-z]+)", text)) <= commands
        assert panel["datasource"] == SOURCE
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["targets"], title
        assert [t["refId"] for t in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])
        assert all(target["datasource"] == SOURCE for target in panel["targets"])
        instant = panel["type"] in ("stat", "table")
        assert {(t["instant"], t["range"]) for t in panel["targets"]} == {(instant, not instant)}
        if panel["type"] == "table":
            assert len(panel["targets"]) == 1  # several would have to be merged


@each_file()
def test_variables(path: Path) -> None:
    """Those of the rules, and each that is used is there."""
    found = {variable["name"]: variable for variable in model(path)["templating"]["list"]}
    assert list(found) == VARIABLES[path.stem]
    assert (found["datasource"]["type"], found["datasource"]["query"]) == (
        "datasource",
        "prometheus",
    )
    used = set(re.findall(r"\$\{?(\w+)", path.read_text()))
    assert set(found) <= used <= set(found) | GRAFANAS | {"__all"}
    for name, variable in found.items():
        if name == "datasource":
            continue
        assert variable["datasource"] == SOURCE
        [(metric, labels)] = selectors(variable["query"]["query"])
        assert labels.keys() <= series()[metric][1] | TARGET
        assert name in series()[metric][1] | TARGET
        # A label that no series has: All has to be there, and to match it.
        assert variable.get("allValue") == (".*" if variable["includeAll"] else None)
    assert found["cluster"]["includeAll"]


def test_a_node_is_chosen_by_its_name() -> None:
    """Grafana takes value and text from what query_result gives it, in whatever order."""
    [path] = (path for path in FILES if path.stem == "nodewitness-node")
    [variable] = (v for v in model(path)["templating"]["list"] if v["name"] == "instance")
    pattern = variable["regex"].removeprefix("/").removesuffix("/g").replace("?<", "?P<")
    for line in (
        '{instance="10.0.64.12:9754",node="node-1"} 1 1795000000000',
        '{node="node-1",instance="10.0.64.12:9754"} 1 1795000000000',
    ):
        groups = [match.groupdict() for match in re.finditer(pattern, line)]
        assert next(g["value"] for g in groups if g["value"]) == "10.0.64.12:9754"
        assert next(g["text"] for g in groups if g["text"]) == "node-1"


@each_file()
def test_series_exist(path: Path) -> None:
    """Each series is one of ours, is narrowed to what is chosen, and has the labels named."""
    wanted = TARGET | ({"namespace", "pod"} if path.stem == "nodewitness-pod" else set())
    for title, target in exprs(path):
        expr = target["expr"]
        found = selectors(expr)
        assert found, title
        own: set[str] = set(TARGET)
        for name, labels in found:
            assert name in series(), (title, name)
            own |= series()[name][1]
            assert labels.keys() >= wanted, (title, name)
            assert labels.keys() - TARGET <= series()[name][1], (title, name)
            if "status" in labels:
                assert labels["status"] in {verity.value for verity in Verity}
        assert len(re.findall(r"(?<![\w:])(?:nodewitness_\w+|up)\{", expr)) == len(found), title
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", expr))))
        assert kept <= own, title
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept, title


@each_file()
def test_counters_are_asked_for_their_growth(path: Path) -> None:
    """A counter stands in rate() or increase(), which take restarts of the agent for what they
    are; a gauge does not.
    """
    for title, target in exprs(path):
        for before, name in re.findall(r"(\w*)\(?(nodewitness_\w+)\{", target["expr"]):
            grows = before in ("rate", "increase")
            counter = series()[name][0] == "counter"
            assert grows == counter or name in ACCUMULATED, (title, name)
