"""HTTP message signatures (RFC 9421): what a client with a registered key writes is signed by it, and kept."""
