variable "tenant_id" {
  description = "The tenant's id, a UUID in lower case."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "tenant_id must be a UUID in lower case."
  }
}

variable "name" {
  description = "The tenant's name: 3 to 32 of a-z, 0-9 and hyphen, beginning with a letter and not ending in a hyphen."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must match ^[a-z][a-z0-9-]{1,30}[a-z0-9]$."
  }
}

variable "region" {
  description = "The region's name, for example ap-south-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like ap-south-1."
  }
}

variable "bears_region" {
  description = "Whether bucket and IAM user bear the region: so in every set of a tenant but its first."
  type        = bool
  default     = false
}
