locals {
  tags = {
    TenantID    = var.tenant_id
    Tier        = var.tier
    Environment = var.environment
    CostCenter  = var.cost_center
    Owner       = var.owner
    Compliance  = length(var.compliance) == 0 ? "none" : join("+", sort(var.compliance))
    DataClass   = var.data_class
    Project     = var.project
    ManagedBy   = "bailiwick"
    ExpiresOn   = var.expires_on == "" ? "never" : var.expires_on
  }
}
