locals {
  is_prod = var.environment == "prod"

  database = {
    dev     = { class = "db.t4g.small", storage_gb = 20 }
    staging = { class = "db.t4g.medium", storage_gb = 50 }
    prod = {
      bronze   = { class = "db.m7g.large", storage_gb = 100 }
      silver   = { class = "db.m7g.xlarge", storage_gb = 200 }
      gold     = { class = "db.r7g.xlarge", storage_gb = 400 }
      platinum = { class = "db.r7g.2xlarge", storage_gb = 800 }
    }[var.tier]
  }[var.environment]

  cache = {
    dev     = { node_type = "cache.t4g.micro", nodes = 1 }
    staging = { node_type = "cache.t4g.small", nodes = 2 }
    prod    = { node_type = contains(["gold", "platinum"], var.tier) ? "cache.r7g.large" : "cache.m7g.large", nodes = 3 }
  }[var.environment]

  storage_gb = coalesce(var.overrides.database_storage_gb, local.database.storage_gb)

  sizes = {
    database = {
      instance_class        = coalesce(var.overrides.database_class, local.database.class)
      storage_type          = "gp3"
      allocated_storage     = local.storage_gb
      max_allocated_storage = min(local.storage_gb * 4, 65536)
      multi_az              = local.is_prod
      retention_days        = { dev = 7, staging = 14, prod = 35 }[var.environment]
      deletion_protection   = var.environment != "dev"
      iam_authentication    = local.is_prod || contains(["gold", "platinum"], var.tier)
      monitoring_seconds    = local.is_prod ? 30 : 0
    }
    cache = {
      node_type          = coalesce(var.overrides.cache_node_type, local.cache.node_type)
      nodes              = local.cache.nodes
      snapshot_days      = { dev = 0, staging = 1, prod = 7 }[var.environment]
      automatic_failover = local.cache.nodes > 1
    }
    network = {
      zones        = local.is_prod ? 3 : 2
      nat_gateways = { dev = 0, staging = 1, prod = 3 }[var.environment]
      endpoints    = var.environment == "dev" ? ["ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sts"] : []
    }
    backups = {
      lock_mode = local.is_prod ? "COMPLIANCE" : "GOVERNANCE"
      lock_days = { dev = 1, staging = 7, prod = 35 }[var.environment]
    }
    logs = {
      retention_days = { dev = 30, staging = 90, prod = 365 }[var.environment]
    }
  }
}
