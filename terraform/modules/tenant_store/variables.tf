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

variable "protected_tables" {
  description = "The shared tables that hold rows of tenants; row security of each is ensured and watched."
  type        = set(string)
  default = [
    "access_controls",
    "api_keys",
    "budget_transfers",
    "budgets",
    "chunk_vectors",
    "chunks",
    "document_outbox",
    "documents",
    "query_history",
    "sessions",
    "usage_counters",
    "usage_reports",
    "users",
  ]

  validation {
    condition     = length(var.protected_tables) > 0 && alltrue([for one in var.protected_tables : can(regex("^[a-z][a-z0-9_]{0,62}$", one))])
    error_message = "protected_tables are names of tables, and there are some."
  }
}
