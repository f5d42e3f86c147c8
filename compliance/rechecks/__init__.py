"""Certificates that stand are looked into again, on a schedule and when somebody objects."""
