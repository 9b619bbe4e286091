"""The alert rules, the catalogue, the runbooks and the rules' own tests agree.

What the expressions do is tested by promtool (tools/promtool.sh), in the YAML beside this file.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml

from agent.engine.board import TELLS
from agent.model.catalogue import CATALOGUE, find
from agent.model.condition import ConditionType, EntityKind, Severity
from tests.prometheus import found
from tests.prometheus.rules import (
    DEPLOY,
    MILDER,
    PREFIX,
    ROOT,
    WITHOUT,
    Alert,
    alerts,
    anchor,
    groups,
    promtool_tests,
    rule_files,
    rules,
    selectors,
)
from tests.test_docs import families

ALERTS = alerts()
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()


def each_alert() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.name)
def test_every_condition_has_an_alert_or_a_reason(kind: ConditionType) -> None:
    """A new condition needs a rule in deploy/prometheus, or a line in WITHOUT that says why not."""
    found = [alert for alert in ALERTS if alert.condition == kind.name]
    if kind.name in WITHOUT or kind.severity is Severity.INFO:
        assert not found
        return
    [alert] = found
    wanted = MILDER.get(kind.name, kind.severity)
    assert alert.labels["severity"] == wanted.value
    if kind.entity in (EntityKind.POD, EntityKind.CONTAINER):
        assert "container:nodewitness_pod_condition:true" in alert.expr
        assert "$labels.pod" in alert.annotations["description"]


def test_reasons_are_of_conditions_that_exist() -> None:
    assert set(WITHOUT) | set(MILDER) <= {kind.name for kind in CATALOGUE}
    assert not set(WITHOUT) & set(MILDER)


@each_alert()
def test_mixin_conventions(alert: Alert) -> None:
    """A severity, and three annotations: one line, all of it, and where the runbook is."""
    assert re.fullmatch(PREFIX + r"([A-Z]+[a-z]*)+", alert.name)
    assert alert.labels["severity"] in {severity.value for severity in Severity}
    assert alert.annotations.keys() == {"summary", "description", "runbook_url"}
    summary, description = alert.annotations["summary"], alert.annotations["description"]
    assert summary[0].isupper()
    assert summary[-1] == "."
    assert "{{" not in summary
    assert "{{ $labels." in description
    assert alert.annotations["runbook_url"] == f"docs/runbooks.md#{anchor(alert.name)}"
    assert f"\n## {alert.name}\n" in RUNBOOKS


def test_names_are_unique() -> None:
    names = [rule.get("alert") or rule["record"] for _, rule in rules()]
    assert len(names) == len(set(names))
    told = [group["name"] for path in rule_files() for group in groups(path)]
    assert told == [f"nodewitness-{path.name.partition('.')[0]}" for path in rule_files()]


@each_alert()
def test_description_is_the_catalogue_s(alert: Alert) -> None:
    """What fires the condition is said in the catalogue's own words."""
    kind = find(alert.condition)
    if kind is not None and kind.name != "AgentBlind":  # which says of one source that it is blind
        assert kind.fires_when in alert.annotations["description"]


@each_alert()
def test_critical_is_what_was_found_to_be_critical(alert: Alert) -> None:
    """Nobody is woken for what a detector has found to be a warning; and what has no alert for that
    silences no other.
    """
    severity = {other.condition: other.labels["severity"] for other in ALERTS}
    for name, labels in selectors(alert.expr):
        if name.startswith("node:nodewitness_condition:"):
            wakes = severity[labels["condition"]] == Severity.CRITICAL.value
            assert name.rpartition(":")[2] == ("critical" if wakes else "true")


@each_alert()
def test_runbook(alert: Alert) -> None:
    """What to type is there, and of a condition what nodectl says of it."""
    section = RUNBOOKS.partition(f"\n## {alert.name}\n")[2].partition("\n## ")[0]
    assert re.search(r"^    (nodectl|nodewitness|kubectl|curl) ", section, re.MULTILINE)
    if find(alert.condition) is not None:
        assert f"```text explain-{alert.condition}\n" in section
        assert re.search(rf"```text found-(wide-)?{alert.condition}\n", section)


def test_series_exist() -> None:
    """Every series that an expression reads is one of ours or a recorded one, with these labels."""
    known = {name: set(labels) for name, _, labels, _ in families()}
    recorded = {rule["record"] for _, rule in rules() if "record" in rule}
    seen = set()
    for _, rule in rules():
        for name, labels in selectors(rule["expr"]):
            seen.add(name)
            if name == "up":
                assert labels == {"job": "nodewitness"}
            elif ":" in name:
                assert name in recorded
            else:
                assert labels.keys() <= known[name], name
            if "condition" in labels:
                assert find(labels["condition"]) is not None
    assert {"up", "nodewitness_condition", "nodewitness_pod_condition"} <= seen


def test_required_sources() -> None:
    """AgentBlind is about those that detection needs, SourceDown about all others."""
    required = {name for name, (_, needed) in TELLS.items() if needed}
    by_name = {alert.condition: alert for alert in ALERTS}
    up, absent = (
        set(labels["source"].split("|"))
        for name, labels in selectors(by_name["AgentBlind"].expr)
        if "source" in labels
    )
    assert up - {"ledger", "conditions"} == absent == required
    [(_, others)] = [s for s in selectors(by_name["SourceDown"].expr) if "source" in s[1]]
    assert set(others["source"].split("|")) == up


@cache
def _cases() -> list[dict[str, Any]]:
    return [
        case
        for path in promtool_tests()
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
    ]


@each_alert()
def test_each_is_tested(alert: Alert) -> None:
    """promtool sees each fire, and each be silent."""
    of_it = [case for case in _cases() if case["alertname"] == alert.name]
    assert any(case["exp_alerts"] for case in of_it)
    assert any(not case["exp_alerts"] for case in of_it)


def test_cases_are_of_alerts_that_exist() -> None:
    """promtool believes that an alert which does not exist is silent."""
    assert {case["alertname"] for case in _cases()} == {alert.name for alert in ALERTS}


def test_examples_are_of_every_alert() -> None:
    """Each condition with an alert has a finding to show, made by its detector."""
    assert found.found().keys() == {a.condition for a in ALERTS if find(a.condition) is not None}


def _documented(marker: str) -> str:
    """The indented command of docs/operations.md that has this in it."""
    text = (ROOT / "docs" / "operations.md").read_text()
    [block] = [b for b in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE) if marker in b]
    return "\n".join(line[4:] for line in block.splitlines())


def _run(command: str, directory: os.PathLike[str]) -> None:
    subprocess.run(["bash", "-euc", command], cwd=directory, check=True)


def test_runbook_url_can_be_set(tmp_path: os.PathLike[str]) -> None:
    """The command of docs/operations.md changes every runbook_url and nothing else."""
    target = ROOT.__class__(tmp_path) / "deploy" / "prometheus"
    target.mkdir(parents=True)
    for path in rule_files():
        (target / path.name).write_text(path.read_text())
    _run(_documented("sed -i"), tmp_path)
    for path in rule_files():
        before, after = path.read_text(), (target / path.name).read_text()
        urls = re.findall(r"runbook_url: (\S+)", after)
        assert all(url.startswith("https://") and "#nodewitness" in url for url in urls)
        assert re.sub(r"runbook_url: \S+#", "", after) == re.sub(r"runbook_url: \S+#", "", before)


def test_prometheus_rule(tmp_path: os.PathLike[str]) -> None:
    """The command of docs/operations.md makes one PrometheusRule of all files."""
    target = ROOT.__class__(tmp_path) / "deploy"
    target.mkdir()
    (target / "prometheus").symlink_to(DEPLOY)
    _run(_documented("kind: PrometheusRule"), tmp_path)
    made = yaml.safe_load((ROOT.__class__(tmp_path) / "prometheusrule.yaml").read_text())
    assert (made["kind"], made["metadata"]["name"]) == ("PrometheusRule", "nodewitness")
    assert made["spec"]["groups"] == [group for path in rule_files() for group in groups(path)]
