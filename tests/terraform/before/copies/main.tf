# Failure 1: one VPC per environment, all alike.
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

resource "aws_vpc" "staging_vpc" {
  cidr_block = "10.1.0.0/16"
}

resource "aws_vpc" "prod_vpc" {
  cidr_block = "10.2.0.0/16"
}
