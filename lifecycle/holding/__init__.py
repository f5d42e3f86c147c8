"""Takes a tenant's hold into every store of it, and keeps what destroys from running into one."""
