output "tags" {
  description = "The ten tags every resource of the tenant carries; Name and Role are added per resource."
  value       = local.tags
}
