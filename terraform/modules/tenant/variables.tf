variable "tenant_id" {
  description = "The tenant's id, a UUID in lower case."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "tenant_id must be a UUID in lower case."
  }
}

variable "name" {
  description = "The tenant's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must match ^[a-z][a-z0-9-]{1,30}[a-z0-9]$."
  }
}

variable "region" {
  description = "The region the tenant lives in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like ap-south-1."
  }
}

variable "names" {
  description = "The tenant's names in the region, as the module naming gives them."
  type = object({
    role         = string
    partition    = string
    namespace    = string
    bucket       = string
    iam_user     = string
    cache_user   = string
    cache_prefix = string
    log_group    = string
    kms_alias    = string
  })

  validation {
    condition     = alltrue([for one in values(var.names) : length(one) > 2]) && strcontains(var.names.role, replace(var.tenant_id, "-", ""))
    error_message = "names are all this tenant's, as the module naming gives them."
  }
}

variable "tags" {
  description = "The tenant's tags, as the module tags gives them."
  type        = map(string)

  validation {
    condition     = lookup(var.tags, "TenantID", "") == var.tenant_id
    error_message = "tags must carry this tenant's TenantID."
  }
}

variable "vector_provider" {
  description = "Who holds the vectors: pgvector or pinecone."
  type        = string

  validation {
    condition     = contains(["pgvector", "pinecone"], var.vector_provider)
    error_message = "vector_provider must be pgvector or pinecone."
  }
}

variable "vector_index" {
  description = "The vector provider's index; empty for its default."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9-]{0,44})?$", var.vector_index))
    error_message = "vector_index must be up to 45 of a-z, 0-9 and hyphen, or empty."
  }
}

variable "encryption_cmk" {
  description = "Whether objects and logs are encrypted with a key of the tenant's own. On AWS there is no other way."
  type        = bool
  default     = true

  validation {
    condition     = var.encryption_cmk
    error_message = "On AWS every tenant has a key of its own: destroying it ends every copy at once."
  }
}

variable "log_retention_days" {
  description = "Days to keep logs."
  type        = number

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be one that CloudWatch Logs knows, for example 30, 90, 365 or 2557."
  }
}

variable "object_noncurrent_days" {
  description = "Days to keep replaced and deleted versions of objects."
  type        = number

  validation {
    condition     = var.object_noncurrent_days >= 1 && var.object_noncurrent_days <= 3650
    error_message = "object_noncurrent_days must be 1 to 3650."
  }
}
