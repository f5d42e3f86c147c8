# Failure 8: production in one zone, a day of backups, and dev's subnets.
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

resource "aws_vpc" "dev_vpc" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "dev_a" {
  vpc_id     = aws_vpc.dev_vpc.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_subnet" "dev_b" {
  vpc_id     = aws_vpc.dev_vpc.id
  cidr_block = "10.0.2.0/24"
}

resource "aws_db_subnet_group" "dev" {
  name       = "dev"
  subnet_ids = [aws_subnet.dev_a.id, aws_subnet.dev_b.id]
}

resource "aws_db_instance" "prod_postgres" {
  identifier                  = "prod-postgres"
  instance_class              = "db.m7g.large"
  storage_type                = "gp3"
  allocated_storage           = 20
  db_subnet_group_name        = aws_db_subnet_group.dev.name
  manage_master_user_password = true
  backup_retention_period     = 1
  skip_final_snapshot         = true
  tags                        = { Environment = "prod" }
}
