output "address" {
  description = "The primary's host."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "The port to connect to."
  value       = aws_elasticache_replication_group.this.port
}

output "user" {
  description = "The user the platform comes in as, by IAM."
  value       = aws_elasticache_user.platform.user_name
}

output "name" {
  description = "The cache's own name, which a login by IAM is for."
  value       = aws_elasticache_replication_group.this.replication_group_id
}

output "portal_user" {
  description = "The user the portal comes in as, by IAM."
  value       = aws_elasticache_user.portal.user_name
}

output "user_group" {
  description = "The group of users that may come in; the portal puts the tenants' users into it."
  value       = aws_elasticache_user_group.this.user_group_id
}
