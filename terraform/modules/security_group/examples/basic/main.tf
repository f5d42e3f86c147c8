terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "web" {
  source = "../.."

  name        = "web"
  description = "The portal behind the load balancer"
  vpc_id      = "vpc-0a1b2c3d4e5f60718"

  ingress = {
    https = {
      description = "HTTPS from the internet"
      from_port   = 443
      cidrs_ipv4  = ["0.0.0.0/0"]
      cidrs_ipv6  = ["::/0"]
    }
  }
  internet_ingress = ["https"]

  egress = {
    database = {
      description     = "PostgreSQL"
      from_port       = 5432
      security_groups = { database = "sg-0a1b2c3d4e5f60718" }
    }
  }
}
