"""Everything of one tenant in one region, erased with evidence while the tenant goes on elsewhere."""
