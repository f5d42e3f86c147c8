terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "key" {
  source = "../../../kms"

  alias       = "example/documents"
  description = "Documents"
}

module "documents" {
  source = "../.."

  bucket      = "example-documents"
  kms_key_arn = module.key.arn
}
