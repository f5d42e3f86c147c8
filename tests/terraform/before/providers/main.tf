# Failure 6: one provider after the other for the same region and account.
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


provider "aws" {
  alias  = "primary"
  region = "us-east-1"
}

provider "aws" {
  alias  = "backup"
  region = "us-east-1"
}

provider "aws" {
  alias  = "logging"
  region = "us-east-1"
}

provider "aws" {
  alias  = "monitoring"
  region = "us-east-1"
}

provider "aws" {
  alias  = "security"
  region = "us-east-1"
}

provider "aws" {
  alias  = "networking"
  region = "us-east-1"
}

provider "aws" {
  alias  = "database"
  region = "us-east-1"
}

provider "aws" {
  alias  = "compute"
  region = "us-east-1"
}

provider "aws" {
  alias  = "storage"
  region = "us-east-1"
}

provider "aws" {
  alias  = "audit"
  region = "us-east-1"
}

provider "aws" {
  alias  = "legacy"
  region = "us-east-1"
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}
