locals {
  engine_version = coalesce(var.adopted.engine_version, var.engine_version)
  family         = "postgres${split(".", local.engine_version)[0]}"
  database       = coalesce(var.adopted.database, var.database)
  username       = coalesce(var.adopted.username, var.username)
  kms_key_arn    = coalesce(var.adopted.kms_key_arn, var.kms_key_arn)
  exported       = ["postgresql", "upgrade"]
}

data "aws_subnet" "database" {
  count = length(var.network.database_subnet_ids)

  id = var.network.database_subnet_ids[count.index]

  lifecycle {
    postcondition {
      condition     = self.vpc_id == var.network.vpc_id
      error_message = "${self.id} belongs to another VPC than ${var.environment}'s."
    }
  }
}

resource "aws_db_subnet_group" "this" {
  name        = coalesce(var.adopted.subnet_group, var.name)
  description = "Subnets of ${var.environment} for ${var.name}"
  subnet_ids  = data.aws_subnet.database[*].id
  tags        = { Name = var.name, Role = "database" }
}

resource "aws_db_parameter_group" "this" {
  name        = var.adopted.parameter_group
  name_prefix = var.adopted.parameter_group == null ? "${var.name}-${local.family}-" : null
  description = "${var.name}: TLS only, slow statements logged"
  family      = local.family
  tags        = { Name = var.name, Role = "database" }

  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Its id is new for every instance that is ever made under this name, so no final snapshot meets an older one: what
# makes the instance anew makes this anew.
resource "terraform_data" "incarnation" {
  triggers_replace = [var.name, local.database, local.username, local.kms_key_arn]
}

# RDS would make them itself, without a key and without an end.
module "logs" {
  source = "../observability"

  log_groups     = [for kind in local.exported : "/aws/rds/instance/${var.name}/${kind}"]
  retention_days = var.log_retention_days
  kms_key_arn    = var.kms_key_arn
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = local.engine_version
  instance_class = var.size.instance_class
  db_name        = local.database

  username                            = local.username
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = var.size.iam_authentication

  storage_type          = var.size.storage_type
  allocated_storage     = var.size.allocated_storage
  max_allocated_storage = var.size.max_allocated_storage
  storage_encrypted     = true
  kms_key_id            = local.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = var.security_group_ids
  publicly_accessible    = false
  multi_az               = var.size.multi_az
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.size.retention_days
  backup_window             = "20:00-21:00"
  maintenance_window        = "sun:21:30-sun:22:30"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = var.size.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final-${terraform_data.incarnation.id}"

  auto_minor_version_upgrade      = true
  apply_immediately               = var.environment == "dev"
  enabled_cloudwatch_logs_exports = local.exported
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
  monitoring_interval             = var.size.monitoring_seconds
  monitoring_role_arn             = var.size.monitoring_seconds == 0 ? null : var.monitoring_role_arn

  tags = { Name = var.name, Role = "database" }

  depends_on = [module.logs]
}
