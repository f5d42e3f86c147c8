terraform {
  required_version = ">= 1.10.0"

  # Bucket, key, region and endpoint come with -backend-config; credentials from the environment.
  backend "s3" {}

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0" # whoever is pinned to these modules is pinned to their provider
    }
    region = {
      source  = "bailiwick/region"
      version = "~> 1.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = module.tags.tags
  }
}
