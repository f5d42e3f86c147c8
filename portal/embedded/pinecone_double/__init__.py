"""Pinecone's REST protocol on one laptop's disk: a double for development and tests, never for production.

The unmodified `pinecone` SDK (10.2, API version 2026-07) speaks to it over plain HTTP. One process serves the control
plane and every index; an index's host is this server with the path `/data/<index>`. Searches are exact, by plain
arithmetic, which is enough for tens of thousands of vectors. Start it with
`python -m portal.embedded.pinecone_double --root DIR --port N --api-key-file F`.
"""
