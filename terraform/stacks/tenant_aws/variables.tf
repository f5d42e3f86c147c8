variable "tenant_id" {
  description = "The tenant's id, a UUID in lower case."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "tenant_id must be a UUID in lower case."
  }
}

variable "name" {
  description = "The tenant's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must match ^[a-z][a-z0-9-]{1,30}[a-z0-9]$."
  }
}

variable "region" {
  description = "The region the tenant lives in."
  type        = string
  nullable    = false
}

variable "tier" {
  description = "The tenant's tier."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "dev, staging or prod."
  type        = string
  nullable    = false
}

variable "cost_center" {
  description = "Who pays."
  type        = string
  nullable    = false
}

variable "owner" {
  description = "The responsible team or role; no personal data."
  type        = string
  nullable    = false
}

variable "project" {
  description = "The project or business unit."
  type        = string
  nullable    = false
}

variable "data_class" {
  description = "The strictest class of the tenant's data: public, internal, confidential or restricted."
  type        = string
  nullable    = false
}

variable "data_classes" {
  description = "The kinds of data the tenant holds."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for one in var.data_classes : contains(["pii", "phi", "financial", "privileged", "none"], one)
    ])
    error_message = "data_classes are of pii, phi, financial, privileged, none."
  }
  validation {
    condition     = length(setintersection(var.data_classes, ["pii", "phi", "financial", "privileged"])) == 0 || var.data_class != "public"
    error_message = "Data of a protected kind cannot be of class public."
  }
}

variable "compliance" {
  description = "Compliance profiles that apply."
  type        = set(string)
  default     = []
}

variable "expires_on" {
  description = "The day (YYYY-MM-DD) the tenant's resources may go, or empty."
  type        = string
  default     = ""
}

variable "vector_provider" {
  description = "Who holds the vectors."
  type        = string
  default     = "pgvector"
}

variable "vector_index" {
  description = "The vector provider's index; empty for its default."
  type        = string
  default     = ""
}

variable "encryption_cmk" {
  description = "Whether objects and logs are encrypted with a key of the tenant's own."
  type        = bool
  default     = true

  validation {
    condition     = var.encryption_cmk || length(setintersection(var.compliance, ["gdpr", "hipaa"])) == 0
    error_message = "The gdpr and hipaa profiles need encryption_cmk."
  }
}

variable "log_retention_days" {
  description = "Days to keep logs."
  type        = number
  default     = 90
}

variable "backup_retention_days" {
  description = "Days to keep backups; the backup schedule reads it from the outputs."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 3650
    error_message = "backup_retention_days must be 1 to 3650."
  }
}

variable "object_noncurrent_days" {
  description = "Days to keep replaced and deleted versions of objects."
  type        = number
  default     = 30
}

variable "bears_region" {
  description = "Whether bucket and IAM user bear the region: so in every set of a tenant but its first."
  type        = bool
  default     = false
}

variable "overrides" {
  description = "Single attributes that an approved finding changed: by the resource's name, then the attribute's."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for resource, given in var.overrides : [
        for attribute in keys(given) : contains(lookup(local.overridable, resource, []), attribute)
      ]
    ]))
    error_message = "overrides take retention_in_days of this tenant's log group and noncurrent_days of its bucket, and nothing else."
  }
  validation {
    condition     = alltrue(flatten([for given in values(var.overrides) : [for value in values(given) : can(regex("^[1-9][0-9]{0,3}$", value))]]))
    error_message = "overrides are whole numbers of days."
  }
}
