"""Books that must balance: pure folds over evidence, checked against the kernel's counters."""
