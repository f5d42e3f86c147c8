"""Reads an account and says where money and holes are. No Django: whoever calls it gives it everything it needs."""
