variable "role" {
  description = "As whom DataSync reaches the tenants' buckets. Their policies name it."
  type        = string
  default     = "bw-datasync"

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.role))
    error_message = "role must be a name that IAM takes."
  }
}
