"""The made-up person of a sandbox: planted in every store, erased like anybody, and looked for afterwards."""
