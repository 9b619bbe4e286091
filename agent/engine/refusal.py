"""Why the agent does not start: one sentence that says what to do."""


class Refusal(Exception):  # noqa: N818 - not an error of the program
    """The host or the configuration does not let the agent run."""
