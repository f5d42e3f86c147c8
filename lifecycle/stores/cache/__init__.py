"""The cache: one Redis user per tenant, confined to the tenant's keys."""
