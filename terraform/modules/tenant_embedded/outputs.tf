output "db_role" {
  description = "The tenant's database role."
  value       = module.store.db_role
}

output "bucket" {
  description = "The tenant's bucket."
  value       = region_bucket.this.name
}

output "kms_key_id" {
  description = "The id of the tenant's key, or null."
  value       = one(region_kms_key.this[*].key_id)
}

output "iam_user" {
  description = "The IAM user the platform acts as for this tenant."
  value       = region_iam_user.this.name
}

output "cache_user" {
  description = "The tenant's Redis user."
  value       = module.store.cache_user
}

output "cache_prefix" {
  description = "How every cache key of the tenant begins."
  value       = module.store.cache_prefix
}

output "vector" {
  description = "Where the tenant's vectors are: provider, namespace, index."
  value       = module.store.vector
}

output "log_group" {
  description = "The tenant's log group."
  value       = region_log_group.this.name
}
