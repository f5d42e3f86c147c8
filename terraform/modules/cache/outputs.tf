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
