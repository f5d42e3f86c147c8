data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# Behind an assumed role, the role: a policy that shuts out everybody else must not shut out who wrote it.
data "aws_iam_session_context" "current" {
  arn = data.aws_caller_identity.current.arn
}

# The same policies as lifecycle/stores writes in an embedded region. The verifier of an erasure sees names, no content.
locals {
  account  = data.aws_caller_identity.current.account_id
  iam      = "arn:${data.aws_partition.current.partition}:iam::${local.account}"
  verifier = "${local.iam}:user/bw-verifier"
  bucket   = "arn:${data.aws_partition.current.partition}:s3:::${var.names.bucket}"
  logs     = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${local.account}:log-group:${var.names.log_group}"
  deny     = { Effect = "Deny", Principal = "*", Resource = [local.bucket, "${local.bucket}/*"] }

  let_in = [
    "${local.iam}:user/${var.names.iam_user}",
    "${local.iam}:root",
    "${local.iam}:role/bw-datasync",
    data.aws_iam_session_context.current.issuer_arn,
    local.verifier,
  ]

  this_tenant_only = merge(local.deny, {
    Sid       = "ThisTenantOnly"
    Action    = "s3:*"
    Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.let_in } }
  })
  names_only = merge(local.deny, {
    Sid       = "NamesOnly"
    NotAction = ["s3:ListBucket*", "s3:GetBucket*"]
    Condition = { ArnEquals = { "aws:PrincipalArn" = local.verifier } }
  })
}

module "store" {
  source = "../tenant_store"

  tenant_id       = var.tenant_id
  name            = var.name
  region          = var.region
  names           = var.names
  tags            = var.tags
  vector_provider = var.vector_provider
  vector_index    = var.vector_index
}

module "key" {
  source = "../kms"

  alias       = trimprefix(var.names.kms_alias, "alias/")
  description = "Objects and logs of tenant ${var.tenant_id}"
  services    = ["logs.${var.region}.amazonaws.com"]
}

module "documents" {
  source = "../object_store"

  bucket            = var.names.bucket
  kms_key_arn       = module.key.arn
  noncurrent_days   = var.object_noncurrent_days
  policy_statements = [jsonencode(local.this_tenant_only), jsonencode(local.names_only)]
}

module "logs" {
  source = "../observability"

  log_groups     = [var.names.log_group]
  retention_days = var.log_retention_days
  kms_key_arn    = module.key.arn
}

# Its access keys are made after the apply and go to the region's secret store; the state never holds one.
resource "aws_iam_user" "this" {
  name          = var.names.iam_user
  force_destroy = true
  tags          = { Name = var.names.iam_user, Role = "runtime" }
}

resource "aws_iam_user_policy" "this" {
  name = "tenant"
  user = aws_iam_user.this.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Bucket", Effect = "Allow", Action = ["s3:ListBucket", "s3:GetBucketLocation"], Resource = [local.bucket] },
      {
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        Resource = ["${local.bucket}/*"]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:FilterLogEvents"]
        Resource = [local.logs, "${local.logs}:*"]
      },
      { Sid = "Key", Effect = "Allow", Action = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], Resource = [module.key.arn] },
    ]
  })
}
