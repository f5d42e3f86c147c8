output "identifier" {
  description = "The instance's identifier."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "The host to connect to; no secret."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "The port to connect to."
  value       = aws_db_instance.this.port
}

output "database" {
  description = "The name of the first database."
  value       = aws_db_instance.this.db_name
}

output "secret_arn" {
  description = "Where Secrets Manager keeps the administrator's password: its name, not the password."
  value       = try(aws_db_instance.this.master_user_secret[0].secret_arn, null)
}
