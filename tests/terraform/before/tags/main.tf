# Failure 7: a name here, an owner there.
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
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
  tags       = { Name = "vpc", Owner = "platform-team" }
}

resource "aws_s3_bucket" "web" {
  bucket = "web-server"
  tags   = { Name = "web-server" }
}
