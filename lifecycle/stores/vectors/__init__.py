"""Vectors: one namespace per tenant, whichever provider holds it."""
