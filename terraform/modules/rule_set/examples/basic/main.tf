module "rules" {
  source = "../.."

  direction      = "ingress"
  internet_rules = ["https"]
  rules = {
    https    = { description = "Everybody", from_port = 443, cidrs_ipv4 = ["0.0.0.0/0"], cidrs_ipv6 = ["::/0"] }
    postgres = { description = "The workload", from_port = 5432, security_groups = { workload = "sg-0a1b2c3d4e5f60718" } }
  }
}

output "rules" {
  description = "One entry for each resource that a security group makes of it."
  value       = module.rules.rules
}
