locals {
  tenant = {
    region      = var.region
    tenant_id   = var.tenant_id
    tenant_name = var.name
  }

  untagged = toset(compact([
    "role:${var.names.role}",
    "cache_user:${var.names.cache_user}",
    var.vector_provider == "pgvector" ? "partition:${var.names.partition}" : "namespace:${var.vector_provider}:${var.names.namespace}",
  ]))
}

resource "region_row_security" "this" {
  for_each = var.protected_tables

  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
  table       = each.key
}

resource "region_tenant_role" "this" {
  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
  name        = var.names.role

  # A role can reach the shared tables the moment it exists, so they are secured first.
  depends_on = [region_row_security.this]
}

resource "region_fence" "this" {
  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
}

resource "region_vector_namespace" "this" {
  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
  store       = var.vector_provider
  index       = var.vector_index

  depends_on = [region_tenant_role.this]
}

resource "region_cache_acl" "this" {
  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
  user        = var.names.cache_user
  prefix      = var.names.cache_prefix
}

resource "region_tag_set" "this" {
  region      = local.tenant.region
  tenant_id   = local.tenant.tenant_id
  tenant_name = local.tenant.tenant_name
  resources   = local.untagged
  tags        = merge(var.tags, { Name = var.name, Role = "database" })

  depends_on = [region_tenant_role.this, region_cache_acl.this, region_vector_namespace.this]
}
