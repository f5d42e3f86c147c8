output "tenant" {
  description = "Names and ids of the tenant's resources. No secrets."
  value       = module.tenant
}

output "tags" {
  description = "The tags the tenant's resources carry."
  value       = module.tags.tags
}

output "backup_retention_days" {
  description = "Days to keep backups."
  value       = var.backup_retention_days
}
