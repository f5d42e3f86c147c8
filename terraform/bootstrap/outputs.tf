output "backend" {
  description = "What a root's -backend-config holds."
  value = {
    bucket       = module.state.bucket
    region       = var.region
    kms_key_id   = module.key.arn
    encrypt      = true
    use_lockfile = true
  }
}

output "log_bucket" {
  description = "The bucket that receives access logs."
  value       = module.access_logs.bucket
}
