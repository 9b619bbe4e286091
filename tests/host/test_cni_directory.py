"""agent.host.cni_directory: what would load, in which order, and which plugins are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.cni_directory import CNIDirectory
from agent.host.root import HostRoot
from agent.model.cni import CNIConfig, CNIPlaces, PluginFile

LIST = '{"name": "lab", "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}}]}'


class Host:
    def __init__(self, top: Path) -> None:
        self.top = top
        bins = (Path("/opt/cni/bin"), Path("/usr/lib/cni"))
        self.directory = CNIDirectory(HostRoot.at(top), Path("/etc/cni/net.d"), bins)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.top / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def read(self) -> CNIConfig:
        return self.directory.read(7, watched=True)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_first_file_is_loaded(host: Host) -> None:
    """By name, of three extensions."""
    host.write("/etc/cni/net.d/99-b.conf", '{"name": "b", "type": "ptp"}')
    host.write("/etc/cni/net.d/10-a.conflist", LIST)
    host.write("/etc/cni/net.d/00-c.conf.bak", "?")
    host.write("/usr/lib/cni/bridge", "", 0o755)
    host.write("/opt/cni/bin/host-local", "", 0o644)
    config = host.read()
    assert [file.path for file in config.files] == [
        "/etc/cni/net.d/10-a.conflist",
        "/etc/cni/net.d/99-b.conf",
    ]
    assert [file.loaded for file in config.files] == [True, False]
    assert config.loaded is config.files[0]
    assert config.files[0].plugins == (
        PluginFile(type="bridge", path="/usr/lib/cni/bridge"),
        PluginFile(
            type="host-local",
            path="/opt/cni/bin/host-local",
            problem="/opt/cni/bin/host-local is not executable (chmod +x)",
        ),
    )
    (ptp,) = config.files[1].plugins
    assert ptp.problem == "no such file in /opt/cni/bin, /usr/lib/cni"


def test_a_broken_first_file(host: Host) -> None:
    """Then nothing is loaded, whatever comes behind it."""
    host.write("/etc/cni/net.d/10-a.conflist", "{nonsense")
    host.write("/etc/cni/net.d/99-b.conf", '{"type": "ptp"}')
    config = host.read()
    assert config.loaded is None
    assert "in JSON" in config.files[0].problem


def test_what_is_no_file(host: Host) -> None:
    """A directory is no plugin, a type is no path, a file may be a directory."""
    (host.top / "usr/lib/cni/bridge").mkdir(parents=True)
    (host.top / "etc/cni/net.d/20-d.conf").mkdir(parents=True)
    host.write("/etc/cni/net.d/10-a.conf", '{"type": "../x", "ipam": {"type": "bridge"}}')
    first, second = host.read().files
    assert [bool(plugin.problem) for plugin in first.plugins] == [True, True]
    assert "Is a directory" in second.problem


def test_no_directory(host: Host) -> None:
    config = host.read()
    assert "No such file" in config.absent
    assert config.files == ()
    assert host.directory.plugins() == {}


def test_plugins_by_the_names_of_their_processes(host: Host) -> None:
    """The kernel keeps 15 bytes; the first directory wins."""
    host.write("/usr/lib/cni/host-local", "")
    host.write("/opt/cni/bin/host-local", "")
    host.write("/opt/cni/bin/a-very-long-plugin-name", "")
    assert host.directory.plugins() == {
        "host-local": "/opt/cni/bin/host-local",
        "a-very-long-plu": "/opt/cni/bin/a-very-long-plugin-name",
    }
    assert host.directory.watched()[0] == host.top / "etc/cni/net.d"


def test_the_runtime_says_where(host: Host) -> None:
    """Its word counts where nothing is set; what it does not say any more stays. Until then the
    usual directories are assumed.
    """
    directory = CNIDirectory(HostRoot.at(host.top))
    assert directory.read(7, watched=True).assumed
    assert directory.plugin_directories()[0] == "/opt/cni/bin"
    assert not directory.told(CNIPlaces())
    k3s = CNIPlaces(conf_dir="/var/lib/k3s/net.d", bin_dirs=("/var/lib/k3s/cni",))
    assert directory.told(k3s)
    assert not directory.told(k3s)
    assert not directory.told(CNIPlaces())
    host.write("/var/lib/k3s/net.d/10-a.conf", '{"name": "a", "type": "bridge"}')
    host.write("/var/lib/k3s/data/cni", "", 0o755)
    (host.top / "var/lib/k3s/cni").mkdir()
    (host.top / "var/lib/k3s/cni/bridge").symlink_to("/var/lib/k3s/data/cni")
    config = directory.read(7, watched=True)
    assert (config.directory, config.bin_directories) == (k3s.conf_dir, k3s.bin_dirs)
    assert not config.assumed
    assert config.loaded is not None
    assert config.loaded.plugins == (PluginFile(type="bridge", path="/var/lib/k3s/cni/bridge"),)


def test_the_settings_count_more(host: Host) -> None:
    """Than the runtime's word; of what is not set, that counts."""
    assert not host.directory.told(CNIPlaces(conf_dir="/x", bin_dirs=("/y",)))
    assert host.read().directory == "/etc/cni/net.d"
    assert not host.read().assumed
    half = CNIDirectory(HostRoot.at(host.top), Path("/etc/cni/net.d"))
    assert half.read(7, watched=True).assumed
    assert half.told(CNIPlaces(conf_dir="/x", bin_dirs=("/y",)))
    config = half.read(7, watched=True)
    assert (config.directory, config.bin_directories) == ("/etc/cni/net.d", ("/y",))
    assert not config.assumed
