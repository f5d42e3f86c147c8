"""Connectors to the systems that hold tenants' data: no Django, every call with a timeout, typed results."""
