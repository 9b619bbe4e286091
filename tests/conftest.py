"""What all tests share."""

import os

from hypothesis import settings

# A deadline judges the machine that runs the test, not the code. CI repeats the same examples, so
# that a failure there is one of the change; a developer's machine keeps looking for new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")
