"""Faults for real: each function arms one and returns a Case; `case.fire()` lets it happen.

One module per family. A case says what is to be expected; what has happened comes from the kernel
(tests.lab.truth).
"""
