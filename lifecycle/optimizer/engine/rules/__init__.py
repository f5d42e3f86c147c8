"""Pure functions: facts in, findings out. Every decision is here, and every branch is tested."""
