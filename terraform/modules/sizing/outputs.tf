output "sizes" {
  description = "Sizes and duties of database, cache, network and logs in this environment, for this tier."
  value       = local.sizes
}
