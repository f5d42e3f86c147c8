variable "log_groups" {
  description = "Log groups to make, by name."
  type        = set(string)

  validation {
    condition     = alltrue([for one in var.log_groups : can(regex("^/[a-zA-Z0-9_./-]{1,510}$", one))])
    error_message = "log_groups are paths such as /bailiwick/prod/flow."
  }
}

variable "retention_days" {
  description = "Days to keep logs."
  type        = number

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.retention_days,
    )
    error_message = "retention_days must be one that CloudWatch Logs knows, for example 30, 90, 365 or 2557."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts logs and alarms; null for AWS' own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key."
  }
}

variable "role" {
  description = "What the tags of the log groups say."
  type        = string
  default     = "logs"

  validation {
    condition     = can(regex("^[a-z]+$", var.role))
    error_message = "role is a lower-case word."
  }
}

variable "alarm_topic" {
  description = "The name of the topic that alarms go to; empty for no alarms."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{0,256}$", var.alarm_topic))
    error_message = "alarm_topic is a topic's name."
  }
}

variable "subscribers" {
  description = "Who hears the alarms, by name: an https address or a mailbox of a duty, never a person's."
  type        = map(object({ protocol = string, endpoint = string }))
  default     = {}

  validation {
    condition = alltrue([
      for one in values(var.subscribers) :
      { https = startswith(one.endpoint, "https://"), email = can(regex("^[^@ ]+@[^@ ]+$", one.endpoint)), sqs = can(regex("^arn:aws[a-z-]*:sqs:", one.endpoint)), lambda = can(regex("^arn:aws[a-z-]*:lambda:", one.endpoint)) }[one.protocol]
    ])
    error_message = "A subscriber is https, email, sqs or lambda, with an endpoint of that kind."
  }
  validation {
    condition     = length(var.subscribers) == 0 || var.alarm_topic != ""
    error_message = "Subscribers need alarm_topic."
  }
}

variable "alarms" {
  description = "What to be told of, by name: a metric over or under its threshold for so many of five minutes."
  type = map(object({
    description = string
    namespace   = string
    metric      = string
    dimensions  = map(string)
    threshold   = number
    comparison  = optional(string, "GreaterThanThreshold")
    statistic   = optional(string, "Average")
    periods     = optional(number, 3)
  }))
  default = {}

  validation {
    condition     = length(var.alarms) == 0 || var.alarm_topic != ""
    error_message = "Alarms need alarm_topic, or nobody hears them."
  }
  validation {
    condition     = alltrue([for one in values(var.alarms) : contains(["GreaterThanThreshold", "LessThanThreshold"], one.comparison) && length(one.dimensions) > 0])
    error_message = "An alarm is GreaterThanThreshold or LessThanThreshold and names what it watches."
  }
}
