"""agent.derive.cni_elsewhere: whose word counts against which files."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.derive.cni_elsewhere import elsewhere
from agent.model.cni import CNIConfig, CNIConfigFile, NetworkWord, PluginFile

CONF = "/etc/cni/net.d/10-a.conf"
GOOD = CNIConfigFile(path=CONF, loaded=True, plugins=(PluginFile(type="ptp", path="/b/ptp"),))
LACKS = replace(GOOD, plugins=(PluginFile(type="ptp", problem="no such file in /opt/cni/bin"),))
BROKEN = CNIConfigFile(path=CONF, problem="expected JSON")
READY = NetworkWord(boottime_ns=1, ready=True)
NOT_READY = NetworkWord(boottime_ns=1, ready=False, message="cni plugin not initialized")


@pytest.mark.parametrize(
    ("files", "assumed", "word", "says"),
    [
        ((GOOD,), True, READY, ""),
        ((GOOD,), True, None, ""),
        ((), True, READY, "ready by a configuration elsewhere (/etc/cni/net.d has none): set cni."),
        (
            (),
            False,
            READY,
            "ready by a configuration elsewhere (/etc/cni/net.d has none): set cni.",
        ),
        ((BROKEN,), False, READY, f"elsewhere ({CONF} does not load)"),
        ((LACKS,), True, READY, "elsewhere (ptp: no such file in /opt/cni/bin)"),
        ((LACKS,), False, READY, ""),  # of plugins it knows nothing
        ((), True, NOT_READY, ""),
        ((LACKS,), True, NOT_READY, ""),
        ((), True, None, "does not say where its configuration is (/etc/cni/net.d has none)"),
        ((), False, None, ""),
    ],
)
def test_elsewhere(
    files: tuple[CNIConfigFile, ...], assumed: bool, word: NetworkWord | None, says: str
) -> None:
    """A ready network has a file that loads, a plugin that is missing need not be told."""
    config = CNIConfig(
        boottime_ns=1,
        directory="/etc/cni/net.d",
        bin_directories=("/opt/cni/bin",),
        files=files,
        assumed=assumed,
    )
    found = elsewhere(config, word)
    assert says in found
    assert bool(found) is bool(says)


@pytest.mark.parametrize(
    ("files", "word", "says"),
    [
        ((), None, "was ready by a configuration elsewhere (/etc/cni/net.d has none): set cni."),
        ((LACKS,), None, "was ready by a configuration elsewhere (ptp: no such file"),
        ((GOOD,), None, ""),
        ((), NOT_READY, ""),
    ],
)
def test_what_was_shown(
    files: tuple[CNIConfigFile, ...], word: NetworkWord | None, says: str
) -> None:
    """Stays so while the runtime is silent."""
    config = CNIConfig(boottime_ns=1, directory="/etc/cni/net.d", bin_directories=(), files=files)
    found = elsewhere(config, word, shown=True)
    assert says in found
    assert bool(found) is bool(says)
