"""Moves a tenant's rows from one region's store to another's while they are written. No Django.

The order of the steps is load-bearing: arm, copy, rounds, verify, switch. The model of the protocol under
tests/migration/model finds what happens when it is not kept.
"""
