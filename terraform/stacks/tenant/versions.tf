terraform {
  required_version = ">= 1.10.0"

  # Bucket, key, region and endpoint come with -backend-config; credentials from the environment.
  backend "s3" {}

  required_providers {
    region = {
      source  = "bailiwick/region"
      version = "~> 1.0"
    }
  }
}
