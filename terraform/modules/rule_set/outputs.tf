output "rules" {
  description = "One entry per rule and peer, by `<rule>/<peer>`."
  value       = local.expanded

  precondition {
    condition     = length(local.shells) == 0
    error_message = "No remote shell comes in through a security group (use Session Manager): ${join(", ", local.shells)}."
  }
  precondition {
    condition     = length(local.wide) == 0
    error_message = "Open to the internet without being allowed to, or on another port than 80 and 443: ${join(", ", local.wide)}."
  }
  precondition {
    condition     = local.count_ipv4 <= var.quota && local.count_ipv6 <= var.quota
    error_message = "${local.count_ipv4} IPv4 and ${local.count_ipv6} IPv6 rules; the quota is ${var.quota} each."
  }
}

output "counts" {
  description = "Rules counted against the quota, IPv4 and IPv6 apart."
  value       = { ipv4 = local.count_ipv4, ipv6 = local.count_ipv6 }
}
