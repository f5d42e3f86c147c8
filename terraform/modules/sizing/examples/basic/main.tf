# Production for gold tenants, with one size that was measured and approved to be otherwise.
module "sizing" {
  source = "../.."

  environment = "prod"
  tier        = "gold"
  overrides   = { database_storage_gb = 600 }
}

output "database" {
  description = "What the module database takes as its size."
  value       = module.sizing.sizes.database
}
