"""A region's PostgreSQL: the tenant's role, fence, row security, tags and rows in the shared schema `rag`."""
