"""A double of the provider `hashicorp/aws`: its true names and types, with resources that exist in memory only.

Production HCL validates, plans, tests and applies on it unchanged, offline. What it knows beyond names and types (which
changes force a replacement, what is secret, what identifies a resource) is in facts.json, by hand and only for the
types used here.
"""

ADDRESS = "registry.terraform.io/hashicorp/aws"
ACCOUNT = "123456789012"
PARTITION = "aws"
