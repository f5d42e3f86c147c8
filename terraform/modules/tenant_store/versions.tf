terraform {
  required_version = ">= 1.10.0"

  required_providers {
    region = {
      source  = "bailiwick/region"
      version = "~> 1.0"
    }
  }
}
