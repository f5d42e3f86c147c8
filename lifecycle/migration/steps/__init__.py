"""The steps of a move and of its roll-back: each small, idempotent, and resumable at any instruction."""
