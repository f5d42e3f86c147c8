variable "tenant_id" {
  description = "The tenant's id, a UUID in lower case, or platform for what all tenants share."
  type        = string

  validation {
    condition     = can(regex("^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|platform)$", var.tenant_id))
    error_message = "tenant_id must be a UUID in lower case, or platform."
  }
}

variable "tier" {
  description = "The tenant's tier, for example gold. Tiers are data: any lower-case word is accepted."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_-]{0,31}$", var.tier))
    error_message = "tier must be a lower-case word of up to 32 characters."
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

variable "cost_center" {
  description = "Who pays."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 ._:/=+@-]{0,127}$", var.cost_center))
    error_message = "cost_center must be a tag value of 1 to 128 characters."
  }
}

variable "owner" {
  description = "The responsible team or role. No personal data: tags are read by many."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 ._:/=+-]{0,127}$", var.owner))
    error_message = "owner must be a tag value of 1 to 128 characters and no e-mail address."
  }
}

variable "project" {
  description = "The project or business unit."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 ._:/=+@-]{0,127}$", var.project))
    error_message = "project must be a tag value of 1 to 128 characters."
  }
}

variable "compliance" {
  description = "Compliance profiles that apply, for example [\"gdpr\", \"dpdp\"]."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.compliance : can(regex("^[a-z][a-z0-9_-]{1,31}$", one))])
    error_message = "compliance profiles are lower-case words."
  }
}

variable "data_class" {
  description = "The strictest class of the tenant's data: public, internal, confidential or restricted."
  type        = string

  validation {
    condition     = contains(["public", "internal", "confidential", "restricted"], var.data_class)
    error_message = "data_class must be public, internal, confidential or restricted."
  }
}

variable "expires_on" {
  description = "The day (YYYY-MM-DD) the tenant's resources may go, or an empty text for none."
  type        = string
  default     = ""

  validation {
    condition     = var.expires_on == "" || can(formatdate("YYYY-MM-DD", "${var.expires_on}T00:00:00Z"))
    error_message = "expires_on must be a date as YYYY-MM-DD, or empty."
  }
}
