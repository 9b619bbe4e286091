"""The agent's settings.

`settings` says what there is, `keys` how it is called in the file and in the environment, `kinds`
how a value is written, `loading` where it comes from.
"""

from agent.config.keys import Key, describe, render
from agent.config.kinds import EVERYWHERE, Address
from agent.config.loading import load
from agent.config.problem import ConfigError, Problem
from agent.config.settings import DEFAULT_PATH, Settings

__all__ = [
    "DEFAULT_PATH",
    "EVERYWHERE",
    "Address",
    "ConfigError",
    "Key",
    "Problem",
    "Settings",
    "describe",
    "load",
    "render",
]
