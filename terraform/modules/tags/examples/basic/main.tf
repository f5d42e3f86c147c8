module "tags" {
  source = "../.."

  tenant_id   = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  tier        = "gold"
  environment = "prod"
  cost_center = "CC-1042"
  owner       = "retail-team"
  project     = "retail-banking"
  compliance  = ["dpdp", "gdpr"]
  data_class  = "confidential"
  expires_on  = "2027-03-31"
}

output "tags" {
  description = "What the provider's default_tags take."
  value       = module.tags.tags
}
