output "role_arn" {
  description = "What the regions file takes as datasync.role_arn, in every region of the account."
  value       = aws_iam_role.this.arn
}
