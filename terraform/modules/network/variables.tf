variable "name" {
  description = "How every name in the network begins."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must match ^[a-z][a-z0-9-]{1,30}[a-z0-9]$."
  }
}

variable "environment" {
  description = "dev, staging or prod: the network is this environment's and no other's."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "cidr" {
  description = "The network's addresses: a private block of /16 to /20."
  type        = string

  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr)) && try(cidrsubnet(var.cidr, 0, 0) == var.cidr, false)
    error_message = "cidr must be a private block as AWS writes it, for example 10.16.0.0/16."
  }
  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must be of /16 to /20."
  }
}

variable "zones" {
  description = "The availability zones to use, by name. A database needs two."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4 && length(toset(var.zones)) == length(var.zones)
    error_message = "zones must be two to four different zones."
  }
  validation {
    condition     = alltrue([for one in var.zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", one))])
    error_message = "zones are names such as ap-south-1a."
  }
}

variable "nat_gateways" {
  description = "How many NAT gateways: 0 for a network that reaches only endpoints, 1 for one that may fail with its zone, or one per zone."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, length(var.zones)], var.nat_gateways)
    error_message = "nat_gateways must be 0, 1 or one per zone."
  }
}

variable "interface_endpoints" {
  description = "Services of AWS to reach inside the network, as their endpoints are called, for example ecr.api, ecr.dkr, kms, logs, secretsmanager, sts."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.interface_endpoints : can(regex("^[a-z][a-z0-9.-]+$", one)) && !contains(["s3", "dynamodb"], one)])
    error_message = "interface_endpoints are names such as ecr.api; S3 has its gateway already."
  }
  validation {
    condition     = var.nat_gateways > 0 || length(setsubtract(["ecr.api", "ecr.dkr", "logs", "sts"], var.interface_endpoints)) == 0
    error_message = "Without a NAT gateway nothing starts that cannot reach ecr.api, ecr.dkr, logs and sts: name them."
  }
}

variable "flow_log_group_arn" {
  description = "The log group that receives the flow logs."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:logs:", var.flow_log_group_arn))
    error_message = "flow_log_group_arn must be the ARN of a log group."
  }
}

variable "flow_log_role_arn" {
  description = "The role that writes the flow logs."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam:", var.flow_log_role_arn))
    error_message = "flow_log_role_arn must be the ARN of a role."
  }
}
