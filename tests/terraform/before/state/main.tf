# Failure 5: the state in a file beside the code, unlocked and unencrypted.
terraform {
  backend "local" {
    path = "terraform.tfstate"
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

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}
