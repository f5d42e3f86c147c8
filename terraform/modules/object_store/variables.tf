variable "bucket" {
  description = "The bucket's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be 3 to 63 of a-z, 0-9 and hyphen; dots break TLS."
  }
}

variable "role" {
  description = "What the bucket is for, as its tag says: documents, backups, logs or state."
  type        = string
  default     = "documents"

  validation {
    condition     = contains(["documents", "backups", "logs", "state"], var.role)
    error_message = "role must be documents, backups, logs or state."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the objects. Null only for the bucket of access logs, which S3 cannot write with a key of its own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn != null ? can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn)) : var.role == "logs"
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "noncurrent_days" {
  description = "Days to keep replaced and deleted versions."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 3650
    error_message = "noncurrent_days must be 1 to 3650."
  }
}

variable "log_bucket" {
  description = "The bucket that receives the access logs; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = var.log_bucket == "" || (can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.log_bucket)) && var.log_bucket != var.bucket)
    error_message = "log_bucket must be another bucket."
  }
}

variable "lock" {
  description = "How long each object is locked (WORM) where its writer says nothing; null for a bucket without locks. Cannot be turned off again."
  type        = object({ mode = string, days = number })
  default     = null

  validation {
    condition     = var.lock == null ? true : contains(["GOVERNANCE", "COMPLIANCE"], var.lock.mode) && var.lock.days >= 1 && var.lock.days <= 3650
    error_message = "lock is GOVERNANCE or COMPLIANCE, for 1 to 3650 days."
  }
}

variable "policy_statements" {
  description = "More statements for the bucket's policy, as IAM writes them in JSON."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.policy_statements : can(jsondecode(one).Effect)])
    error_message = "policy_statements hold one JSON statement each."
  }
}
