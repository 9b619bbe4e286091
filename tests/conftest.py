"""What all tests share."""

import os
import signal

from hypothesis import settings

# A deadline judges the machine that runs the test, not the code. CI repeats the same examples, so
# that a failure there is one of the change; a developer's machine keeps looking for new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# What a shell starts in the background inherits that SIGINT is ignored: without this the tests of
# Ctrl-C would depend on how they were started.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
