# Failure 3: a password in the source, in the state and in an output.
terraform {
  backend "s3" {
    bucket       = "company-terraform-state"
    key          = "fintech-app/terraform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    kms_key_id   = "alias/terraform-state"
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      TenantID    = "platform"
      Environment = "dev"
      CostCenter  = "CC-1"
      Owner       = "platform-team"
      Compliance  = "none"
      DataClass   = "internal"
      ManagedBy   = "bailiwick"
      ExpiresOn   = "never"
    }
  }
}

variable "canary" {
  type      = string
  default   = "changeme123"
  sensitive = true
}

resource "aws_db_parameter_group" "this" {
  name   = "app"
  family = "postgres17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_instance" "postgres" {
  identifier                = "app-dev"
  instance_class            = "db.t4g.small"
  storage_type              = "gp3"
  allocated_storage         = 20
  username                  = "dbadmin"
  password                  = var.canary
  parameter_group_name      = aws_db_parameter_group.this.name
  storage_encrypted         = true
  kms_key_id                = "arn:aws:kms:us-east-1:123456789012:key/12345678"
  backup_retention_period   = 7
  skip_final_snapshot       = false
  final_snapshot_identifier = "app-dev-final"
}

output "db_password" {
  value     = aws_db_instance.postgres.password
  sensitive = true
}
