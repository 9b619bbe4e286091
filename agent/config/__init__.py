"""The agent's settings.

`settings` says what there is, `kinds` how a value is written, `loading` where it comes from.
"""

from agent.config.kinds import Address
from agent.config.loading import load
from agent.config.problem import ConfigError, Problem
from agent.config.settings import DEFAULT_PATH, Key, Settings, describe, render

__all__ = [
    "DEFAULT_PATH",
    "Address",
    "ConfigError",
    "Key",
    "Problem",
    "Settings",
    "describe",
    "load",
    "render",
]
