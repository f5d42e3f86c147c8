"""Seals the ledger: gives entries their place in the tree, signs its root, and takes both out of the database's reach.

Runs as the role `sealer` in a process of its own (`manage.py seal`), without the ORM. Any number may run.
"""
