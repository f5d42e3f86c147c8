output "db_role" {
  description = "The tenant's database role."
  value       = region_tenant_role.this.name
}

output "cache_user" {
  description = "The tenant's Redis user."
  value       = region_cache_acl.this.user
}

output "cache_prefix" {
  description = "How every cache key of the tenant begins."
  value       = region_cache_acl.this.prefix
}

output "vector" {
  description = "Where the tenant's vectors are: provider, namespace, index."
  value = {
    provider  = region_vector_namespace.this.store
    namespace = region_vector_namespace.this.namespace
    index     = region_vector_namespace.this.served_by
  }
}
