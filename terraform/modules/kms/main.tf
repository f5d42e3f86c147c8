data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"

  use  = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
  logs = sort([for one in var.services : one if startswith(one, "logs.")])
  rest = sort([for one in var.services : one if !startswith(one, "logs.")])

  # The account's own IAM policies decide who uses and who manages the key; services only for this account. CloudWatch
  # Logs does not say for which account it asks, but for which log group.
  statements = concat(
    [{
      Sid       = "AccountDecides"
      Effect    = "Allow"
      Principal = { AWS = local.account }
      Action    = "kms:*"
      Resource  = "*"
    }],
    [for one in local.logs : {
      Sid       = "Logs"
      Effect    = "Allow"
      Principal = { Service = one }
      Action    = local.use
      Resource  = "*"
      Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${data.aws_partition.current.partition}:logs:${split(".", one)[1]}:${data.aws_caller_identity.current.account_id}:log-group:*" } }
    }],
    [for one in slice(local.rest, 0, min(1, length(local.rest))) : {
      Sid       = "Services"
      Effect    = "Allow"
      Principal = { Service = local.rest }
      Action    = local.use
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }],
  )
}

resource "aws_kms_key" "this" {
  description             = var.description
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = var.deletion_window_days
  policy                  = jsonencode({ Version = "2012-10-17", Statement = local.statements })
  tags                    = { Name = var.alias, Role = "encryption" }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.alias}"
  target_key_id = aws_kms_key.this.key_id
}
