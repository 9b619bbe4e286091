"""A real Prometheus, Debian's own, beside the guest: it scrapes the agent by the forwarded port.

It is not in the guest, for there it would be emulated, and would take from the node the processors
whose want the agent is to tell. What it does with the agent's answers is the same on either side.
"""

import contextlib
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.lab import apt
from tests.lab.cache import PROJECT, artefact
from tests.lab.command import command
from tests.lab.deadline import until

RULES = PROJECT / "deploy/prometheus"
JOB = "nodewitness"
EVERY_SECONDS = 15
"""Between two scrapes, each of which may take as long: 8.5 s were seen on a busy emulated node."""
EVALUATION = "5s"
READY_SECONDS = 120.0
ANSWER_SECONDS = 60.0
_LISTENS = re.compile(r'msg="Listening on" address=127\.0\.0\.1:(\d+)')

Json = dict[str, Any]


def binary() -> Path:
    """Debian's `prometheus`, unpacked and not installed: that would start a server."""
    directory, _ = artefact("prometheus", (Path(__file__), apt.SUITE), _make)
    return directory / "usr/bin/prometheus"


def _make(target: Path) -> None:
    package = apt.download("prometheus", target)
    command(["dpkg-deb", "-x", package, target / "tree"])
    (target / "usr/bin").mkdir(parents=True)
    shutil.move(target / "tree/usr/bin/prometheus", target / "usr/bin/prometheus")
    shutil.rmtree(target / "tree")
    package.unlink()


class Prometheus:
    """The API of one that runs."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **parameters: object) -> Json:
        """The `data` of an answer."""
        url = f"{self._url}/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            said = json.load(answer)
        assert said["status"] == "success", said
        data: Json = said["data"]
        return data

    def query(self, expr: str, time: float) -> list[Json]:
        """The series of an expression, each with its `value`."""
        found: list[Json] = self.ask("query", query=expr, time=time)["result"]
        return found

    def query_range(self, expr: str, start: float, end: float) -> list[Json]:
        """The series of an expression over a time, each with its `values`."""
        data = self.ask("query_range", query=expr, start=start, end=end, step=EVERY_SECONDS)
        found: list[Json] = data["result"]
        return found

    def scraped(self) -> bool:
        """Whether its target is up."""
        targets = self.ask("targets", state="active")["activeTargets"]
        return [target["health"] for target in targets] == ["up"]

    def alerts(self) -> list[Json]:
        """Those that are pending or firing."""
        found: list[Json] = self.ask("alerts")["alerts"]
        return found

    def firing(self) -> dict[str, Json]:
        """The labels of each alert that fires, by its name; an error if one fires twice."""
        every = [alert["labels"] for alert in self.alerts() if alert["state"] == "firing"]
        found = {labels["alertname"]: labels for labels in every}
        assert len(found) == len(every), every
        return found

    def rules(self) -> list[Json]:
        """Every rule that it has loaded."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


@contextmanager
def prometheus(directory: Path, port: int) -> Iterator[Prometheus]:
    """One that scrapes 127.0.0.1:port and has loaded the rules of deploy/prometheus as they are."""
    every = f"{EVERY_SECONDS}s"
    job = {
        "job_name": JOB,
        "honor_labels": True,
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
    }
    config = {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": every,
            "evaluation_interval": EVALUATION,
        },
        "rule_files": [f"{RULES}/*.rules.yaml"],
        "scrape_configs": [job],
    }
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
    log = directory / "prometheus.log"
    argv: list[str | Path] = [
        *("setpriv", "--pdeathsig", "KILL", binary()),
        f"--config.file={directory}/prometheus.yaml",
        f"--storage.tsdb.path={directory}/data",
        "--web.listen-address=127.0.0.1:0",
    ]
    with log.open("wb") as output, subprocess.Popen(argv, stdout=output, stderr=output) as process:
        try:

            def listens() -> re.Match[str] | None:
                assert process.poll() is None, log.read_text()
                return _LISTENS.search(log.read_text())

            found = until(listens, READY_SECONDS, "Prometheus listens", log.read_text)
            asked = Prometheus(int(found[1]))
            until(lambda: _ready(asked), READY_SECONDS, "Prometheus scrapes", log.read_text)
            yield asked
        except BaseException:
            print(log.read_text())
            raise
        finally:
            process.kill()


def _ready(asked: Prometheus) -> bool:
    """It refuses to answer until it has read its storage."""
    with contextlib.suppress(OSError):
        return asked.scraped()
    return False
