"""The first-start tour and the demo load: they speak HTTP only."""
