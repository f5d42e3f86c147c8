"""Reads a tenant's stores into files, and looks at those files again. Knows regions and names, no row of the portal."""
