output "id" {
  description = "The group's id."
  value       = aws_security_group.this.id
}

output "counts" {
  description = "Rules counted against the quota, by direction and IP version."
  value       = { ingress = module.ingress.counts, egress = module.egress.counts }
}
