terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "network" {
  source = "../.."

  name               = "bailiwick-dev"
  environment        = "dev"
  cidr               = "10.16.0.0/16"
  zones              = ["ap-south-1a", "ap-south-1b"]
  nat_gateways       = 1
  flow_log_group_arn = "arn:aws:logs:ap-south-1:123456789012:log-group:/bailiwick/dev/flow"
  flow_log_role_arn  = "arn:aws:iam::123456789012:role/flow-logs"
}
