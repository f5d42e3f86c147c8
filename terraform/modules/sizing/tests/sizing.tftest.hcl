run "dev_is_small" {
  command = plan
  variables {
    environment = "dev"
    tier        = "platinum"
  }
  assert {
    condition     = output.sizes.database.instance_class == "db.t4g.small" && output.sizes.database.allocated_storage == 20
    error_message = "a tier must not make dev larger: ${jsonencode(output.sizes.database)}"
  }
  assert {
    condition     = output.sizes.database.retention_days == 7 && !output.sizes.database.multi_az
    error_message = jsonencode(output.sizes.database)
  }
}

run "staging_keeps_14_days" {
  command = plan
  variables {
    environment = "staging"
  }
  assert {
    condition     = output.sizes.database.retention_days == 14 && output.sizes.database.deletion_protection
    error_message = jsonencode(output.sizes.database)
  }
}

run "production_never_bursts" {
  command = plan
  variables {
    environment = "prod"
    tier        = "bronze"
  }
  assert {
    condition     = output.sizes.database.multi_az && output.sizes.database.retention_days == 35
    error_message = jsonencode(output.sizes.database)
  }
  assert {
    condition     = !strcontains(jsonencode(output.sizes), ".t4g.")
    error_message = "burstable in production: ${jsonencode(output.sizes)}"
  }
  assert {
    condition     = output.sizes.database.iam_authentication && output.sizes.database.storage_type == "gp3"
    error_message = jsonencode(output.sizes.database)
  }
}

run "an_override_changes_one_size" {
  command = plan
  variables {
    environment = "prod"
    overrides   = { database_class = "db.r7g.4xlarge" }
  }
  assert {
    condition     = output.sizes.database.instance_class == "db.r7g.4xlarge" && output.sizes.database.allocated_storage == 200
    error_message = jsonencode(output.sizes.database)
  }
}

run "intel_is_refused" {
  command = plan
  variables {
    environment = "dev"
    overrides   = { database_class = "db.t3.large" }
  }
  expect_failures = [var.overrides]
}

run "storage_has_room_to_grow_up_to_what_rds_takes" {
  command = plan
  variables {
    environment = "prod"
    overrides   = { database_storage_gb = 20000 }
  }
  assert {
    condition     = output.sizes.database.allocated_storage == 20000 && output.sizes.database.max_allocated_storage == 65536
    error_message = jsonencode(output.sizes.database)
  }
}

run "storage_without_room_to_grow_is_refused" {
  command = plan
  variables {
    environment = "prod"
    overrides   = { database_storage_gb = 65536 }
  }
  expect_failures = [var.overrides]
}

run "unknown_tier_is_refused" {
  command = plan
  variables {
    environment = "prod"
    tier        = "diamond"
  }
  expect_failures = [var.tier]
}

run "unknown_environment_is_refused" {
  command = plan
  variables {
    environment = "default"
  }
  expect_failures = [var.environment]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
