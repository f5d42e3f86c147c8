"""Restores of tenants: asked for, refused and on record, until one is built that replays the erasure ledger."""
