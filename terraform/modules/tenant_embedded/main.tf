locals {
  tenant = {
    region      = var.region
    tenant_id   = var.tenant_id
    tenant_name = var.name
  }

  key_arn = one(region_kms_key.this[*].arn)
}

module "store" {
  source = "../tenant_store"

  tenant_id       = var.tenant_id
  name            = var.name
  region          = var.region
  names           = var.names
  tags            = var.tags
  vector_provider = var.vector_provider
  vector_index    = var.vector_index
}

resource "region_kms_key" "this" {
  count = var.encryption_cmk ? 1 : 0

  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
  alias       = var.names.kms_alias
  tags        = merge(var.tags, { Name = var.names.kms_alias, Role = "encryption" })
}

resource "region_iam_user" "this" {
  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
  name        = var.names.iam_user
  bucket      = var.names.bucket
  log_group   = var.names.log_group
  kms_key_arn = local.key_arn
  tags        = merge(var.tags, { Name = var.names.iam_user, Role = "runtime" })
}

resource "region_bucket" "this" {
  region          = local.tenant.region
  tenant_id       = local.tenant.tenant_id
  tenant_name     = local.tenant.tenant_name
  name            = var.names.bucket
  user            = region_iam_user.this.name
  kms_key_arn     = local.key_arn
  noncurrent_days = var.object_noncurrent_days
  tags            = merge(var.tags, { Name = var.names.bucket, Role = "documents" })
}

resource "region_log_group" "this" {
  region         = local.tenant.region
  tenant_id      = local.tenant.tenant_id
  tenant_name    = local.tenant.tenant_name
  name           = var.names.log_group
  retention_days = var.log_retention_days
  kms_key_arn    = local.key_arn
  tags           = merge(var.tags, { Name = var.names.log_group, Role = "logs" })
}

moved {
  from = region_row_security.this
  to   = module.store.region_row_security.this
}

moved {
  from = region_tenant_role.this
  to   = module.store.region_tenant_role.this
}

moved {
  from = region_fence.this
  to   = module.store.region_fence.this
}

moved {
  from = region_vector_namespace.this
  to   = module.store.region_vector_namespace.this
}

moved {
  from = region_cache_acl.this
  to   = module.store.region_cache_acl.this
}

moved {
  from = region_tag_set.this
  to   = module.store.region_tag_set.this
}
