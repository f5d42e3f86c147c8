terraform {
  required_version = ">= 1.10.0"

  # Its own state begins beside it, because the bucket for states is what it makes; README.md moves it there.
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0" # whoever is pinned to these modules is pinned to their provider
    }
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = module.tags.tags
  }
}
