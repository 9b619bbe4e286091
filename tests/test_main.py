"""The daemon's command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.config import Settings, describe, render
from agent.main import main
from agent.state.directory import StateDirectory
from tests.certificates import Authority


@pytest.fixture(autouse=True)
def _no_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.config.loading.DEFAULT_PATH", tmp_path / "default.toml")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_check_prints_the_settings_in_force(tmp_path: Path) -> None:
    """What is printed is a file that says the same."""
    assert invoke("config", "check").output == render(Settings())
    file = tmp_path / "c.toml"
    file.write_text(render(Settings()))
    found = invoke("config", "check", "--config", str(file), "--set", "oom.max_series=7")
    assert found.exit_code == 0
    assert "max_series = 7\n" in found.output


def test_check_says_all_mistakes_at_once(tmp_path: Path) -> None:
    """From the file and the flags alike; nothing is printed as if it were in force."""
    file = tmp_path / "c.toml"
    file.write_text('[tick]\ninterval = "soon"\n[nod]\nname = "x"\n')
    found = invoke("config", "check", "--config", str(file), "--set", "oom.max_series=many")
    assert (found.exit_code, found.stdout) == (2, "")
    lines = found.stderr.splitlines()
    assert lines[-1] == "3 mistakes in the configuration"
    assert len(lines) == 4
    for word in ("tick.interval", "nod", "oom.max_series"):
        assert any(word in line for line in lines)


@pytest.mark.parametrize("command", [("run",), ("config", "check"), ("uninstall",)])
@pytest.mark.parametrize(
    ("override", "word"),
    [("oom.max_series", "KEY=VALUE"), ("no.such=1", "no.such"), ("=1", "1 mistake in")],
)
def test_set_errors(command: tuple[str, ...], override: str, word: str) -> None:
    """Each command refuses them before it does anything."""
    found = invoke(*command, "--set", override)
    assert (found.exit_code, found.stdout) == (2, "")
    assert word in found.stderr


def test_run_is_refused_while_another_owns_the_state(tmp_path: Path) -> None:
    """The message names the pid of the one that runs, and what to do."""
    state = tmp_path / "state"
    with StateDirectory.open(state):
        found = invoke("run", "--set", f"state.directory={state}")
    assert (found.exit_code, found.stdout) == (1, "")
    assert f"pid {os.getpid()}" in found.stderr
    assert "--set state.directory=PATH" in found.stderr


def test_keys() -> None:
    """Every key, with its variable."""
    output = invoke("config", "keys").output
    assert [key.name for key in describe() if f"{key.name} (" not in output] == []
    assert [key.name for key in describe() if key.environment not in output] == []


def test_check_reads_the_files_of_tls(tmp_path: Path) -> None:
    """A mistake in one of them is one of the configuration: key and file are named, code 2."""
    authority = Authority(tmp_path)
    pair = authority.issue("node-1")
    files = {"certificate": pair.certificate, "key": pair.key, "client_ca": authority.file}
    words = [f"serve.tls_{name}={path}" for name, path in files.items()]
    words.append("serve.grpc_address=127.0.0.1:9755")
    command = ["config", "check", *(word for pair in words for word in ("--set", pair))]
    found = invoke(*command)
    assert (found.exit_code, found.stderr) == (0, "")
    assert f'tls_key = "{pair.key}"\n' in found.stdout
    pair.key.unlink()
    found = invoke(*command)
    assert (found.exit_code, found.stdout) == (2, "")
    assert (
        f"serve.tls_key: {pair.key}: No such file or directory: put the PEM file there\n"
        in found.stderr
    )
