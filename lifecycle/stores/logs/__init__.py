"""Logs: one CloudWatch Logs group per tenant."""
