"""One small file per detector: samples, events and ledgers in, findings out. Pure."""
