variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "tier" {
  description = "The highest tier served: bronze, silver, gold or platinum. It decides sizes in production only."
  type        = string
  default     = "silver"

  validation {
    condition     = contains(["bronze", "silver", "gold", "platinum"], var.tier)
    error_message = "tier must be bronze, silver, gold or platinum."
  }
}

variable "overrides" {
  description = "Single sizes that were measured and approved to be otherwise, for example by a finding of the optimizer."
  type = object({
    database_class      = optional(string)
    database_storage_gb = optional(number)
    cache_node_type     = optional(string)
  })
  default = {}

  validation {
    condition = alltrue([
      for one in compact([var.overrides.database_class, var.overrides.cache_node_type]) :
      can(regex("^(db|cache)\\.[a-z]+[0-9]+g[a-z]*\\.[a-z0-9]+$", one))
    ])
    error_message = "Sizes are Graviton classes, for example db.m7g.large or cache.t4g.small."
  }
  validation {
    condition     = var.overrides.database_storage_gb == null || try(var.overrides.database_storage_gb >= 20 && var.overrides.database_storage_gb <= 59000, false)
    error_message = "database_storage_gb must be 20 to 59000: RDS takes 65536, and a tenth is room to grow."
  }
}
