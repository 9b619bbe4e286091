"""Makes the parts go: sources to evidence, evidence to ledger, ledger to journal, stream and
metrics.
"""
