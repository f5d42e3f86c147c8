variable "name" {
  description = "The group's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,60}[a-z0-9]$", var.name)) && !startswith(var.name, "sg-")
    error_message = "name must be of a-z, 0-9 and hyphen, and must not begin with sg-."
  }
}

variable "description" {
  description = "What the group is for. It cannot be changed without making the group anew."
  type        = string

  validation {
    condition     = length(var.description) > 3 && length(var.description) <= 255
    error_message = "description must have 4 to 255 characters."
  }
}

variable "adopted_name" {
  description = "The whole name of a group that was there before. Otherwise AWS completes the name, so that a group can be made anew while the old one is still used."
  type        = string
  default     = null

  validation {
    condition     = var.adopted_name == null || can(regex("^[^s].{0,254}$|^s[^g].{0,253}$", var.adopted_name))
    error_message = "adopted_name is the name of a group, and does not begin with sg-."
  }
}

variable "vpc_id" {
  description = "The VPC the group belongs to."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "vpc_id must be the id of a VPC."
  }
}

variable "ingress" {
  description = "What comes in, as the module rule_set takes it."
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
    condition     = length(var.ingress) <= 60
    error_message = "A group has at most 60 rules of a direction."
  }
}

variable "egress" {
  description = "What goes out, as the module rule_set takes it. Nothing goes out that is not named."
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
    condition     = length(var.egress) <= 60
    error_message = "A group has at most 60 rules of a direction."
  }
}

variable "internet_ingress" {
  description = "Names of the ingress rules that may be open to the internet."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.internet_ingress : contains(keys(var.ingress), name)])
    error_message = "internet_ingress names rules that are there."
  }
}

variable "internet_egress" {
  description = "Names of the egress rules that may reach the internet."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.internet_egress : contains(keys(var.egress), name)])
    error_message = "internet_egress names rules that are there."
  }
}
