variables {
  name               = "bailiwick-prod"
  network            = { environment = "prod", vpc_id = "vpc-1", private_subnet_ids = ["subnet-1", "subnet-2", "subnet-3"] }
  size               = { node_type = "cache.m7g.large", nodes = 3, snapshot_days = 7, automatic_failover = true }
  kms_key_arn        = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  security_group_ids = ["sg-0a1b2c3d4e5f60718"]
}

run "encrypted_both_ways_without_a_password" {
  command = plan
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required" && aws_elasticache_replication_group.this.kms_key_id == var.kms_key_arn
    error_message = "encryption"
  }
  assert {
    condition     = aws_elasticache_replication_group.this.auth_token == null && aws_elasticache_user.platform.passwords == null
    error_message = "a password would be in the state"
  }
  assert {
    condition     = aws_elasticache_user.platform.user_id == aws_elasticache_user.platform.user_name
    error_message = "IAM wants id and name alike"
  }
  assert {
    condition     = aws_elasticache_user_group.this.user_ids == toset([aws_elasticache_user.platform.user_id])
    error_message = "nobody else comes in but the portal, and whom it lets in"
  }
  assert {
    condition     = aws_elasticache_user_group_association.portal.user_id == "bailiwick-prod-portal" && aws_elasticache_user.portal.passwords == null
    error_message = "the portal comes in by IAM"
  }
  assert {
    condition     = strcontains(aws_elasticache_user.portal.access_string, "-@dangerous +client +info") && !strcontains(aws_elasticache_user.portal.access_string, "+@all")
    error_message = "the portal flushes nothing"
  }
  assert {
    condition     = aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "production fails over"
  }
}

run "it_is_made" {}

run "a_name_too_long_for_aws_is_refused" {
  command = plan
  variables {
    name = "a-1-2-3-4-5-6-7-8-9-0-1-2-3-4-5-6"
  }
  expect_failures = [var.name]
}

run "one_node_in_production_is_refused" {
  command = plan
  variables {
    size = { node_type = "cache.m7g.large", nodes = 1, snapshot_days = 7, automatic_failover = false }
  }
  expect_failures = [var.size]
}

run "intel_is_refused" {
  command = plan
  variables {
    size = { node_type = "cache.m5.large", nodes = 3, snapshot_days = 7, automatic_failover = true }
  }
  expect_failures = [var.size]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
