variable "account_id" {
  description = "The account that holds the states."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be twelve digits."
  }
}

variable "region" {
  description = "The region that holds the states."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like ap-south-1."
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
