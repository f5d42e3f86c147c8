module "naming" {
  source = "../../modules/naming"

  tenant_id    = var.tenant_id
  name         = var.name
  region       = var.region
  bears_region = var.bears_region
}

module "tags" {
  source = "../../modules/tags"

  tenant_id   = var.tenant_id
  tier        = var.tier
  environment = var.environment
  cost_center = var.cost_center
  owner       = var.owner
  project     = var.project
  compliance  = var.compliance
  data_class  = var.data_class
  expires_on  = var.expires_on
}

module "tenant" {
  source = "../../modules/tenant"

  tenant_id              = var.tenant_id
  name                   = var.name
  region                 = var.region
  names                  = module.naming.names
  tags                   = module.tags.tags
  vector_provider        = var.vector_provider
  vector_index           = var.vector_index
  encryption_cmk         = var.encryption_cmk
  log_retention_days     = local.days.logs
  object_noncurrent_days = local.days.objects
}
