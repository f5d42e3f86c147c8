"""The reference RAG platform: one process per region that serves documents and queries of many tenants."""
