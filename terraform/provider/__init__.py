"""The Terraform provider `bailiwick/region`: creates a tenant's resources in a region through lifecycle/stores.

It has no configuration of its own. Every resource names its region, whose endpoints come from
BAILIWICK_REGIONS_FILE, so one process serves all runs of all tenants at once.
"""

ADDRESS = "registry.terraform.io/bailiwick/region"
VERSION = "1.0.0"
