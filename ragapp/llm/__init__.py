"""Language models that run here or behind an address: one protocol, a folder an engine."""
