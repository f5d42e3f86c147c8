"""Terraform code, and the Python provider that serves an embedded region."""
