"""The dashboards of deploy/grafana, made of the YAML beside this.

python -m tools.dashboards write   write them
python -m tools.dashboards rules   print a rule file with all that they ask, for promtool to parse
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from tools.dashboards.grafana import to_json
from tools.dashboards.model import Dashboard

HERE = Path(__file__).parent
DIRECTORY = HERE.parents[1] / "deploy/grafana"
# What Grafana puts in the place of its own variables: intervals.
INTERVALS = {"$__rate_interval": "2m", "$__range": "3h"}


def dashboards() -> tuple[Dashboard, ...]:
    """All of them; msgspec.ValidationError where the YAML is not one."""
    files = sorted(HERE.glob("*.yaml"))
    return tuple(msgspec.yaml.decode(path.read_bytes(), type=Dashboard) for path in files)


def written(dashboard: Dashboard) -> Path:
    """Where its JSON is."""
    return DIRECTORY / f"{dashboard.uid}.json"


def expressions(dashboard: Dashboard) -> Iterator[str]:
    """All that it asks, with intervals in them; other variables stand in strings."""
    for row in dashboard.rows:
        for panel in row.panels:
            for query in panel.queries:
                expr = dashboard.expression(query)
                for name, interval in INTERVALS.items():
                    expr = expr.replace(name, interval)
                yield expr


def rules() -> str:
    """A rule file that records each of them."""
    recorded = [
        {"record": f"{dashboard.uid.replace('-', ':')}:panel{number}", "expr": expr}
        for dashboard in dashboards()
        for number, expr in enumerate(expressions(dashboard))
    ]
    return yaml.safe_dump({"groups": [{"name": "dashboards", "rules": recorded}]})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.dashboards")
    parser.add_argument("command", choices=("write", "rules"))
    if parser.parse_args().command == "rules":
        print(rules())
        return
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for dashboard in dashboards():
        written(dashboard).write_text(to_json(dashboard))


if __name__ == "__main__":
    main()
