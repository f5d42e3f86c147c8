"""Runs the real Terraform for one tenant as a supervised child process; knows nothing of Django."""
