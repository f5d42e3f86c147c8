module "tags" {
  source = "../modules/tags"

  tenant_id   = "platform"
  tier        = "shared"
  environment = "prod"
  cost_center = var.cost_center
  owner       = var.owner
  project     = var.name
  data_class  = "restricted"
}

module "key" {
  source = "../modules/kms"

  alias       = "${var.name}-state"
  description = "Terraform states"
}

module "access_logs" {
  source = "../modules/object_store"

  bucket          = "${var.name}-access-logs-${var.account_id}"
  role            = "logs"
  noncurrent_days = 365
  policy_statements = [jsonencode({
    Sid       = "AccessLogs"
    Effect    = "Allow"
    Principal = { Service = "logging.s3.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = "arn:aws:s3:::${var.name}-access-logs-${var.account_id}/*"
    Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
  })]
}

# Old versions of a state are the way back from a bad apply: a year of them.
module "state" {
  source = "../modules/object_store"

  bucket          = "${var.name}-state-${var.account_id}"
  role            = "state"
  kms_key_arn     = module.key.arn
  noncurrent_days = 365
  log_bucket      = module.access_logs.bucket
}
