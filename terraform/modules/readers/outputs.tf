output "users" {
  description = "The two users' names, by what they are for; whoever makes their keys needs them."
  value       = { for purpose, one in aws_iam_user.this : purpose => one.name }
}
