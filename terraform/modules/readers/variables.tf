variable "optimizer_user" {
  description = "Who looks for savings."
  type        = string
  default     = "bw-optimizer"

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.optimizer_user))
    error_message = "optimizer_user must be a name that IAM takes."
  }
}

variable "verifier_user" {
  description = "Who looks whether an erasure left anything. The policies of tenants' buckets name it."
  type        = string
  default     = "bw-verifier"

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.verifier_user)) && var.verifier_user != var.optimizer_user
    error_message = "verifier_user must be a name that IAM takes, and another than optimizer_user."
  }
}
