"""`nodectl pods`: see agent.nodectl.ps."""

from agent.nodectl.ps import pods as command

__all__ = ["command"]
