terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "sizing" {
  source = "../../../sizing"

  environment = "staging"
}

module "cache" {
  source = "../.."

  name               = "example"
  network            = { environment = "staging", vpc_id = "vpc-1", private_subnet_ids = ["subnet-1", "subnet-2"] }
  size               = module.sizing.sizes.cache
  kms_key_arn        = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  security_group_ids = ["sg-0a1b2c3d4e5f60718"]
}
