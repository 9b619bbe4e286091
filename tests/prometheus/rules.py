"""The rules of deploy/prometheus as values, and what the catalogue has and they have not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import agent
from agent.model.condition import Severity

ROOT = Path(agent.__file__).parents[1]
DEPLOY = ROOT / "deploy" / "prometheus"
PREFIX = "NodeWitness"

WITHOUT = {
    "CrashLoop": "The kubelet is right about it, and KubePodCrashLooping of the Kubernetes mixin "
    "alerts on what it says. `nodectl exits` adds how each container ended.",
    "RuntimeDisagrees": "There is nothing to do on the node: believe the kernel. The kill behind "
    "it has its own alert; `nodewitness_runtime_disagreements_total` counts.",
}
"""Conditions without an alert of their own, and why."""

MILDER = {
    "OOMBooksUnbalanced": Severity.WARNING,  # a defect of the agent, and nothing to do at night
}
"""Alerts that are less than their condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule. `after` and `stays` are "" where it has none."""

    name: str
    group: str
    expr: str
    after: str = ""  # for
    stays: str = ""  # keep_firing_for
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def condition(self) -> str:
        """The name that its condition has, if it is about one."""
        return self.name.removeprefix(PREFIX)


def rule_files() -> list[Path]:
    return sorted(DEPLOY.glob("*.rules.yaml"))


def promtool_tests() -> list[Path]:
    return sorted((ROOT / "tests" / "prometheus").glob("*.rules.test.yaml"))


def groups(path: Path) -> list[dict[str, Any]]:
    """The groups of one file."""
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text())["groups"]
    return found


@cache
def rules() -> list[tuple[str, dict[str, Any]]]:
    """(group, rule) of all files."""
    return [
        (group["name"], rule)
        for path in rule_files()
        for group in groups(path)
        for rule in group["rules"]
    ]


def alerts() -> list[Alert]:
    """In the order of the files."""
    return [
        Alert(
            name=rule["alert"],
            group=group,
            expr=rule["expr"],
            after=rule.get("for", ""),
            stays=rule.get("keep_firing_for", ""),
            labels=rule["labels"],
            annotations=rule["annotations"],
        )
        for group, rule in rules()
        if "alert" in rule
    ]


def anchor(name: str) -> str:
    """Where the runbook of an alert is, in docs/runbooks.md."""
    return name.lower()


def selectors(expr: str) -> list[tuple[str, dict[str, str]]]:
    """(metric, matched labels) of each of our series that an expression reads."""
    found = []
    for name, inside in re.findall(r"\b([a-z_:]*nodewitness_[a-z_:]+|up)\b(\{[^}]*\})?", expr):
        labels = dict(re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', inside))
        found.append((name, labels))
    return found
