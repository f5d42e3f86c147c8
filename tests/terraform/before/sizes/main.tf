# Failure 4: production's sizes in dev and staging.
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

resource "aws_instance" "dev_web" {
  ami           = "ami-12345678"
  instance_type = "t3.medium"
}

resource "aws_ebs_volume" "dev_data" {
  availability_zone = "us-east-1a"
  size              = 200
  type              = "gp2"
}
