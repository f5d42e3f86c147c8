"""The optimizer: what an account wastes and where it stands open, as findings that people decide about."""
