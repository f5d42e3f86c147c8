terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "key" {
  source = "../.."

  alias       = "bailiwick/logs"
  description = "Logs of the platform"
  services    = ["logs.ap-south-1.amazonaws.com"]
}
