"""The formats a ledger is proved with: canonical JSON, Merkle trees, signed checkpoints, receipts. No Django."""
