"""Erases a tenant, a person or a document from every system, and hands what was found to the certificate."""
