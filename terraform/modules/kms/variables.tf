variable "alias" {
  description = "The key's alias, without alias/."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9/_-]{1,240}$", var.alias)) && !startswith(var.alias, "aws/")
    error_message = "alias must be of letters, digits, /, _ and -, and must not begin with aws/."
  }
}

variable "description" {
  description = "What the key encrypts."
  type        = string

  validation {
    condition     = length(var.description) > 3
    error_message = "description must say what the key encrypts."
  }
}

variable "services" {
  description = "AWS services that use the key on their own, for example logs.ap-south-1.amazonaws.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.services : can(regex("^[a-z0-9.-]+\\.amazonaws\\.com$", one))])
    error_message = "services are service principals such as logs.ap-south-1.amazonaws.com."
  }
}

variable "deletion_window_days" {
  description = "Days between asking for the key's deletion and its end; AWS waits at least 7."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be 7 to 30."
  }
}
