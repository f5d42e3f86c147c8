"""The steps of an erasure: each small, idempotent, and resumable at any instruction."""
