"""The tags of a resource that says everything about itself."""

TAGS = {
    "TenantID": "t-1", "Environment": "prod", "CostCenter": "CC-1", "Owner": "search", "Compliance": "none",
    "DataClass": "internal", "ManagedBy": "Terraform",
    "ExpiresOn": "never",
}  # fmt: skip
