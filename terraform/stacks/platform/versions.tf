terraform {
  required_version = ">= 1.10.0"

  # The rest comes with -backend-config=../../environments/backend.hcl. Each workspace has a state of its own below
  # workspace_key_prefix; a backend's key cannot be computed.
  backend "s3" {
    key          = "platform.tfstate"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0" # whoever is pinned to these modules is pinned to their provider
    }
  }
}

# One provider. An alias is for another region or another account, and there is none here.
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = module.tags.tags
  }
}
