variable "name" {
  description = "The replication group's id."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9])+$", var.name)) && length(var.name) <= 31
    error_message = "name must be 2 to 31 of a-z, 0-9 and single hyphens: AWS takes 40, and the user's id ends in -platform."
  }
}

variable "network" {
  description = "The environment's network, as the module network gives it."
  type = object({
    environment        = string
    vpc_id             = string
    private_subnet_ids = list(string)
  })

  validation {
    condition     = length(var.network.private_subnet_ids) >= 2
    error_message = "A subnet group needs subnets in two zones."
  }
}

variable "size" {
  description = "Size and duties, as the module sizing gives them under cache."
  type = object({
    node_type          = string
    nodes              = number
    snapshot_days      = number
    automatic_failover = bool
  })

  validation {
    condition     = can(regex("^cache\\.[a-z]+[0-9]+g[a-z]*\\.[a-z0-9]+$", var.size.node_type))
    error_message = "node_type must be a Graviton class, for example cache.m7g.large."
  }
  validation {
    condition     = var.size.nodes >= 1 && var.size.nodes <= 6 && (var.size.nodes > 1 || !var.size.automatic_failover)
    error_message = "nodes must be 1 to 6; failover needs two."
  }
  validation {
    condition     = var.network.environment != "prod" || (var.size.automatic_failover && var.size.snapshot_days >= 1)
    error_message = "Production fails over by itself and keeps snapshots."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the cache at rest."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "security_group_ids" {
  description = "The groups the cache is in."
  type        = set(string)

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "A cache in no group would be in the default one."
  }
}
