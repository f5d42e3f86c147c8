variable "environment" {
  description = "dev, staging or prod; the workspace has the same name."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "account_id" {
  description = "The account this environment lives in. Any other is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be twelve digits."
  }
}

variable "region" {
  description = "The region, for example ap-south-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like ap-south-1."
  }
}

variable "zones" {
  description = "Letters of the region's availability zones, in order of use; production takes three, others two."
  type        = list(string)
  default     = ["a", "b", "c"]

  validation {
    condition     = length(var.zones) >= 3 && alltrue([for one in var.zones : can(regex("^[a-z]$", one))])
    error_message = "zones must be at least three letters."
  }
}

variable "name" {
  description = "How every name begins."
  type        = string
  default     = "bailiwick"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 of a-z, 0-9 and hyphen."
  }
}

variable "cidrs" {
  description = "The addresses of every environment, so that no two can overlap and any two can be peered."
  type        = map(string)
  default = {
    dev     = "10.16.0.0/16"
    staging = "10.32.0.0/16"
    prod    = "10.48.0.0/16"
  }

  validation {
    condition     = alltrue([for one in values(var.cidrs) : can(cidrhost(one, 0))]) && toset(keys(var.cidrs)) == toset(["dev", "staging", "prod"])
    error_message = "cidrs must hold a CIDR block for dev, staging and prod."
  }
  # Two blocks overlap exactly when the larger one, laid over the other's first address, is the same block.
  validation {
    condition = try(alltrue(flatten([
      for a, one in var.cidrs : [
        for b, other in var.cidrs : a == b || tonumber(split("/", one)[1]) > tonumber(split("/", other)[1]) || (
          cidrsubnet("${cidrhost(other, 0)}/${split("/", one)[1]}", 0, 0) != cidrsubnet(one, 0, 0)
        )
      ]
    ])), false)
    error_message = "cidrs of environments must not overlap."
  }
}

variable "tier" {
  description = "The highest tier this installation serves; it decides production's sizes."
  type        = string
  default     = "silver"

  validation {
    condition     = contains(["bronze", "silver", "gold", "platinum"], var.tier)
    error_message = "tier must be bronze, silver, gold or platinum."
  }
}

variable "overrides" {
  description = "Single sizes that are otherwise: by the resource's identifier, then the attribute, as the optimizer proposes."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for resource, given in var.overrides : [
        for attribute in keys(given) : contains(lookup(local.overridable, resource, []), attribute)
      ]
    ]))
    error_message = "overrides take instance_class and allocated_storage of the database and node_type of the cache, and nothing else."
  }
  validation {
    condition     = var.environment != "prod" || !anytrue([for one in values(var.overrides) : strcontains(lookup(one, "instance_class", "-"), ".t")])
    error_message = "Production has no burstable database."
  }
}

variable "cost_center" {
  description = "Who pays."
  type        = string

  validation {
    condition     = length(trimspace(var.cost_center)) > 0
    error_message = "cost_center must not be empty."
  }
}

variable "owner" {
  description = "The responsible team; no personal data."
  type        = string

  validation {
    condition     = length(trimspace(var.owner)) > 0 && !strcontains(var.owner, "@")
    error_message = "owner must be a team, not an e-mail address."
  }
}

variable "compliance" {
  description = "Compliance profiles that apply."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.compliance : can(regex("^[a-z][a-z0-9_-]{1,31}$", one))])
    error_message = "compliance profiles are lower-case words."
  }
}

variable "log_bucket" {
  description = "The bucket that receives access logs, as bootstrap made it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.log_bucket))
    error_message = "log_bucket must be a bucket's name."
  }
}

variable "alarm_subscribers" {
  description = "Who hears the alarms, by name, as the module observability takes it. Production has somebody."
  type        = map(object({ protocol = string, endpoint = string }))
  default     = {}

  validation {
    condition     = var.environment != "prod" || length(var.alarm_subscribers) > 0
    error_message = "Production's alarms need alarm_subscribers, or nobody hears them."
  }
}

variable "adopt" {
  description = "Resources that were there before, by their ids, taken over on the next apply. Empty otherwise."
  type = object({
    vpc              = optional(map(string), {})
    private_subnets  = optional(map(string), {})
    database_subnets = optional(map(string), {})
    database         = optional(map(string), {})
    subnet_group     = optional(map(string), {})
    database_group   = optional(map(string), {})
    database_rules   = optional(map(string), {})
    database_logs    = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = alltrue([for one in [var.adopt.vpc, var.adopt.database, var.adopt.subnet_group, var.adopt.database_group] : length(one) <= 1])
    error_message = "There is one VPC, one database, one subnet group and one group of the database."
  }
}

variable "adopted_database" {
  description = "What an adopted database keeps because AWS cannot change it in place, as the module database takes it."
  type = object({
    subnet_group    = optional(string)
    parameter_group = optional(string)
    database        = optional(string)
    username        = optional(string)
    kms_key_arn     = optional(string)
    engine_version  = optional(string)
  })
  default = {}

  validation {
    condition     = length(var.adopt.database) == 0 || var.adopted_database.kms_key_arn != null
    error_message = "An adopted database keeps the key it is encrypted with: give adopted_database.kms_key_arn."
  }
}

variable "adopted_clients" {
  description = "Blocks that reach an adopted database beside the workload's group, until what runs there is in that group. Empty otherwise."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.adopted_clients : can(cidrhost(one, 0))])
    error_message = "adopted_clients hold CIDR blocks."
  }
}

variable "adopted_names" {
  description = "Names of adopted resources that cannot be renamed in place."
  type = object({
    database                   = optional(string)
    database_group             = optional(string)
    database_group_description = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for one in values(var.adopted_names) : one == null || length(coalesce(one, "-")) > 2])
    error_message = "Names have at least three characters."
  }
}
