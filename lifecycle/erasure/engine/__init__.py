"""Erasers: one file per system, no Django, each resumable after a kill at any instruction."""
