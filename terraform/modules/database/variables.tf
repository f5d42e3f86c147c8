variable "name" {
  description = "The instance's identifier."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9])+$", var.name)) && length(var.name) <= 63
    error_message = "name must be up to 63 of a-z, 0-9 and single hyphens, beginning with a letter."
  }
}

variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "network" {
  description = "The environment's network, as the module network gives it."
  type = object({
    environment         = string
    vpc_id              = string
    database_subnet_ids = list(string)
  })

  validation {
    condition     = length(var.network.database_subnet_ids) >= 2
    error_message = "A subnet group needs subnets in two zones."
  }
  validation {
    condition     = var.network.environment == var.environment
    error_message = "network must be this environment's."
  }
}

variable "size" {
  description = "Size and duties, as the module sizing gives them under database."
  type = object({
    instance_class        = string
    storage_type          = optional(string, "gp3")
    allocated_storage     = number
    max_allocated_storage = number
    multi_az              = bool
    retention_days        = number
    deletion_protection   = bool
    iam_authentication    = bool
    monitoring_seconds    = optional(number, 0)
  })

  validation {
    condition     = can(regex("^db\\.[a-z]+[0-9]+g[a-z]*\\.[a-z0-9]+$", var.size.instance_class))
    error_message = "instance_class must be a Graviton class, for example db.m7g.large."
  }
  validation {
    condition     = var.size.storage_type == "gp3"
    error_message = "storage_type must be gp3."
  }
  validation {
    condition     = var.size.allocated_storage >= 20 && var.size.max_allocated_storage >= var.size.allocated_storage * 1.1 && var.size.max_allocated_storage <= 65536
    error_message = "allocated_storage must be at least 20, and max_allocated_storage a tenth more, up to RDS' 65536."
  }
  validation {
    condition     = var.size.retention_days >= { dev = 7, staging = 14, prod = 35 }[var.environment] && var.size.retention_days <= 35
    error_message = "Backups stay at least 7 days in dev, 14 in staging and 35 in prod (the most there is)."
  }
  validation {
    condition     = var.environment != "prod" || (var.size.multi_az && var.size.iam_authentication)
    error_message = "Production runs in two zones and lets people in by IAM."
  }
  validation {
    condition     = var.environment == "dev" || var.size.deletion_protection
    error_message = "Only dev goes without deletion protection."
  }
}

variable "engine_version" {
  description = "PostgreSQL's major version."
  type        = string
  default     = "17"

  validation {
    condition     = contains(["15", "16", "17", "18"], var.engine_version)
    error_message = "engine_version must be 15, 16, 17 or 18."
  }
}

variable "database" {
  description = "The name of the first database."
  type        = string
  default     = "rag"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database))
    error_message = "database must be a lower-case name."
  }
}

variable "username" {
  description = "The administrator's name. The password is made and kept by Secrets Manager; nobody here ever sees it."
  type        = string
  default     = "bw_admin"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.username)) && !contains(["admin", "postgres", "rdsadmin"], var.username)
    error_message = "username must be a lower-case name, and none that everybody tries."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts storage, backups, the secret and Performance Insights."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "security_group_ids" {
  description = "The groups the instance is in."
  type        = list(string)

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "An instance in no group would be in the default one."
  }
}

variable "monitoring_role_arn" {
  description = "The role for enhanced monitoring; needed where size.monitoring_seconds is not 0."
  type        = string
  default     = null

  validation {
    condition     = var.size.monitoring_seconds == 0 || var.monitoring_role_arn != null
    error_message = "Enhanced monitoring needs monitoring_role_arn."
  }
}

variable "log_retention_days" {
  description = "Days to keep the database's own logs."
  type        = number

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch Logs knows, from 30 on, for example 30, 90 or 365."
  }
}

variable "adopted" {
  description = "For an instance that was there before: what cannot be changed without making it anew. Empty otherwise."
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
    condition     = var.adopted.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:", var.adopted.kms_key_arn))
    error_message = "adopted.kms_key_arn must be the ARN of a KMS key. An unencrypted instance is restored from an encrypted copy of its snapshot first."
  }
}
