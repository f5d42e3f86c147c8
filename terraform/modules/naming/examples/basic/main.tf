module "naming" {
  source = "../.."

  tenant_id = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  name      = "retail-banking"
  region    = "ap-south-1"
}

output "bucket" {
  description = "The tenant's bucket."
  value       = module.naming.names.bucket
}
