terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "network" {
  source = "../../../network"

  name               = "example"
  environment        = "dev"
  cidr               = "10.16.0.0/16"
  zones              = ["ap-south-1a", "ap-south-1b"]
  nat_gateways       = 1
  flow_log_group_arn = "arn:aws:logs:ap-south-1:123456789012:log-group:/example/flow"
  flow_log_role_arn  = "arn:aws:iam::123456789012:role/flow-logs"
}

module "sizing" {
  source = "../../../sizing"

  environment = "dev"
}

module "database" {
  source = "../.."

  name               = "example"
  environment        = "dev"
  network            = module.network.network
  size               = module.sizing.sizes.database
  kms_key_arn        = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  security_group_ids = ["sg-0a1b2c3d4e5f60718"]
  log_retention_days = module.sizing.sizes.logs.retention_days
}

output "subnet_vpcs" {
  description = "The VPCs the subnet group reaches into: one."
  value       = module.network.network.vpc_id
}
