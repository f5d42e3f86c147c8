locals {
  name  = "${var.name}-${var.environment}"
  zones = [for letter in slice(var.zones, 0, module.sizing.sizes.network.zones) : "${var.region}${letter}"]
  logs  = "/${var.name}/${var.environment}"

  # The database and the cache may have the same name; their attributes have not.
  database = coalesce(var.adopted_names.database, local.name)
  overridable = {
    (local.database) = concat(["instance_class", "allocated_storage"], local.database == local.name ? ["node_type"] : [])
    (local.name)     = concat(["node_type"], local.database == local.name ? ["instance_class", "allocated_storage"] : [])
  }
  overrides = {
    database_class      = try(var.overrides[local.database]["instance_class"], null)
    database_storage_gb = try(tonumber(var.overrides[local.database]["allocated_storage"]), null)
    cache_node_type     = try(var.overrides[local.name]["node_type"], null)
  }
}

# One state per environment: the workspace says which, and the variables must agree. `default` is nobody's.
resource "terraform_data" "workspace" {
  input = terraform.workspace

  lifecycle {
    precondition {
      condition     = terraform.workspace != "default"
      error_message = "Select a workspace first: terraform workspace select -or-create ${var.environment}."
    }
    precondition {
      condition     = contains(["default", var.environment], terraform.workspace)
      error_message = "The variables are ${var.environment}'s, the workspace is ${terraform.workspace}."
    }
  }
}

module "tags" {
  source = "../../modules/tags"

  tenant_id   = "platform"
  tier        = "shared"
  environment = var.environment
  cost_center = var.cost_center
  owner       = var.owner
  project     = var.name
  compliance  = var.compliance
  data_class  = "restricted"
}

module "sizing" {
  source = "../../modules/sizing"

  environment = var.environment
  tier        = var.tier
  overrides   = local.overrides
}

module "key" {
  source = "../../modules/kms"

  alias       = local.name
  description = "Data and logs of the platform in ${var.environment}"
  services    = ["logs.${var.region}.amazonaws.com", "cloudwatch.amazonaws.com"]
}

module "logs" {
  source = "../../modules/observability"

  log_groups     = ["${local.logs}/flow", "${local.logs}/platform"]
  retention_days = module.sizing.sizes.logs.retention_days
  kms_key_arn    = module.key.arn
}

resource "aws_iam_role" "flow_logs" {
  name = "${local.name}-flow-logs"
  tags = { Name = "${local.name}-flow-logs", Role = "logs" }
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "flow_logs" {
  name = "write"
  role = aws_iam_role.flow_logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        Resource = [module.logs.log_groups["${local.logs}/flow"], "${module.logs.log_groups["${local.logs}/flow"]}:*"]
      },
      { Effect = "Allow", Action = "logs:DescribeLogGroups", Resource = "*" }, # knows no narrower one
    ]
  })
}

resource "aws_iam_role" "monitoring" {
  count = module.sizing.sizes.database.monitoring_seconds == 0 ? 0 : 1

  name = "${local.name}-rds-monitoring"
  tags = { Name = "${local.name}-rds-monitoring", Role = "database" }
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  count = length(aws_iam_role.monitoring)

  role       = aws_iam_role.monitoring[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

module "network" {
  source = "../../modules/network"

  name               = local.name
  environment        = var.environment
  cidr               = var.cidrs[var.environment]
  zones              = local.zones
  nat_gateways       = module.sizing.sizes.network.nat_gateways
  flow_log_group_arn = module.logs.log_groups["${local.logs}/flow"]
  flow_log_role_arn  = aws_iam_role.flow_logs.arn

  interface_endpoints = module.sizing.sizes.network.endpoints
}

module "web" {
  source = "../../modules/security_group"

  name        = "${local.name}-web"
  description = "The load balancer before the portal"
  vpc_id      = module.network.network.vpc_id

  internet_ingress = ["https"]
  ingress = {
    https = {
      description = "HTTPS from the internet"
      from_port   = 443
      cidrs_ipv4  = ["0.0.0.0/0"]
      cidrs_ipv6  = ["::/0"]
    }
  }
  egress = {
    portal = { description = "The portal", from_port = 8443, security_groups = { workload = module.workload.id } }
  }
}

module "workload" {
  source = "../../modules/security_group"

  name        = "${local.name}-workload"
  description = "Portal, workers and the RAG platform"
  vpc_id      = module.network.network.vpc_id

  ingress = {
    portal = { description = "From the load balancer", from_port = 8443, security_groups = { web = module.web.id } }
  }
  internet_egress = ["https"]
  egress = {
    https    = { description = "AWS, model providers, registries", from_port = 443, cidrs_ipv4 = ["0.0.0.0/0"] }
    postgres = { description = "The database", from_port = 5432, security_groups = { database = module.database_group.id } }
    valkey   = { description = "The cache", from_port = 6379, security_groups = { cache = module.cache_group.id } }
  }
}

module "database_group" {
  source = "../../modules/security_group"

  name         = "${local.name}-database"
  adopted_name = var.adopted_names.database_group
  description  = coalesce(var.adopted_names.database_group_description, "PostgreSQL")
  vpc_id       = module.network.network.vpc_id

  ingress = {
    postgres = {
      description     = "The workload"
      from_port       = 5432
      security_groups = { workload = module.workload.id }
      cidrs_ipv4      = var.adopted_clients
    }
  }
}

module "cache_group" {
  source = "../../modules/security_group"

  name        = "${local.name}-cache"
  description = "Valkey"
  vpc_id      = module.network.network.vpc_id

  ingress = {
    valkey = { description = "The workload", from_port = 6379, security_groups = { workload = module.workload.id } }
  }
}

module "database" {
  source = "../../modules/database"

  name                = local.database
  environment         = var.environment
  network             = module.network.network
  size                = module.sizing.sizes.database
  kms_key_arn         = module.key.arn
  security_group_ids  = [module.database_group.id]
  monitoring_role_arn = one(aws_iam_role.monitoring[*].arn)
  log_retention_days  = module.sizing.sizes.logs.retention_days
  adopted             = var.adopted_database
}

module "cache" {
  source = "../../modules/cache"

  name               = local.name
  network            = module.network.network
  size               = module.sizing.sizes.cache
  kms_key_arn        = module.key.arn
  security_group_ids = [module.cache_group.id]
}

module "backups" {
  source = "../../modules/object_store"

  bucket          = "${local.name}-backups-${var.account_id}"
  role            = "backups"
  kms_key_arn     = module.key.arn
  noncurrent_days = module.sizing.sizes.database.retention_days
  log_bucket      = var.log_bucket
  lock            = { mode = module.sizing.sizes.backups.lock_mode, days = module.sizing.sizes.backups.lock_days }
}

module "alarms" {
  source = "../../modules/observability"

  log_groups     = []
  retention_days = 30
  kms_key_arn    = module.key.arn
  alarm_topic    = local.name
  subscribers    = var.alarm_subscribers

  alarms = {
    "${local.name}-database-cpu" = {
      description = "The database is busy"
      namespace   = "AWS/RDS"
      metric      = "CPUUtilization"
      dimensions  = { DBInstanceIdentifier = module.database.identifier }
      threshold   = 80
    }
    "${local.name}-database-storage" = {
      description = "The database's storage runs out"
      namespace   = "AWS/RDS"
      metric      = "FreeStorageSpace"
      dimensions  = { DBInstanceIdentifier = module.database.identifier }
      comparison  = "LessThanThreshold"
      statistic   = "Minimum"
      threshold   = 5 * 1024 * 1024 * 1024
    }
  }
}
