"""Verifiers look, with credentials that can only read, whether something is left. They never import what deletes.

A verifier says how many it found, or why it could not look. Not looked is never zero.
"""
