variable "direction" {
  description = "ingress or egress."
  type        = string

  validation {
    condition     = contains(["ingress", "egress"], var.direction)
    error_message = "direction must be ingress or egress."
  }
}

variable "rules" {
  description = "Rules by name. Each becomes one rule per peer, so a peer can go without touching the others."
  type = map(object({
    description     = string
    from_port       = number
    to_port         = optional(number)
    protocol        = optional(string, "tcp")
    cidrs_ipv4      = optional(set(string), [])
    cidrs_ipv6      = optional(set(string), [])
    prefix_lists    = optional(map(object({ id = string, max_entries = number })), {})
    security_groups = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for name, _ in var.rules : can(regex("^[a-z][a-z0-9_]{0,30}$", name))])
    error_message = "Names of rules are lower-case words."
  }
  validation {
    condition     = alltrue([for one in values(var.rules) : contains(["tcp", "udp", "icmp", "icmpv6"], one.protocol)])
    error_message = "protocol must be tcp, udp, icmp or icmpv6; a rule for all protocols says nothing."
  }
  validation {
    condition = alltrue([
      for one in values(var.rules) : one.from_port >= (startswith(one.protocol, "icmp") ? -1 : 1)
      && coalesce(one.to_port, one.from_port) <= 65535 && one.from_port <= coalesce(one.to_port, one.from_port)
    ])
    error_message = "Ports are 1 to 65535 and from_port is not above to_port."
  }
  validation {
    condition = alltrue([
      for one in values(var.rules) : length(one.cidrs_ipv4) + length(one.cidrs_ipv6) + length(one.prefix_lists) + length(one.security_groups) > 0
    ])
    error_message = "Each rule names at least one peer."
  }
  validation {
    condition = alltrue([
      for cidr in flatten([for one in values(var.rules) : concat(tolist(one.cidrs_ipv4), tolist(one.cidrs_ipv6))]) : can(cidrhost(cidr, 0))
    ])
    error_message = "cidrs_ipv4 and cidrs_ipv6 hold CIDR blocks."
  }
  validation {
    condition     = alltrue([for one in values(var.rules) : length(trimspace(one.description)) > 3 && length(one.description) <= 255])
    error_message = "Each rule says what it is for, in up to 255 characters."
  }
}

variable "internet_rules" {
  description = "Names of the rules that may reach, or be reached by, the whole internet. Any other may not."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.internet_rules : contains(keys(var.rules), name)])
    error_message = "internet_rules names rules that are there."
  }
}

variable "quota" {
  description = "AWS' quota of rules per group and direction; IPv4 and IPv6 are counted apart. 60 unless it was raised."
  type        = number
  default     = 60

  validation {
    condition     = var.quota >= 1 && var.quota <= 1000
    error_message = "quota must be 1 to 1000."
  }
}
