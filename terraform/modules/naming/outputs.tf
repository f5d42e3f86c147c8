output "names" {
  description = "Every name of the tenant in the region: role, partition, namespace, bucket, iam_user, cache_user, cache_prefix, log_group, kms_alias."
  value       = local.names
}
