terraform {
  required_providers {
    region = {
      source  = "bailiwick/region"
      version = "~> 1.0"
    }
  }
}

module "naming" {
  source = "../../../naming"

  tenant_id = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  name      = "retail-banking"
  region    = "ap-south-1"
}

module "tenant" {
  source = "../.."

  tenant_id              = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  name                   = "retail-banking"
  region                 = "ap-south-1"
  names                  = module.naming.names
  tags                   = { TenantID = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b" }
  vector_provider        = "pgvector"
  log_retention_days     = 365
  object_noncurrent_days = 30
}
