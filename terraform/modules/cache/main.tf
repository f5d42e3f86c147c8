resource "aws_elasticache_subnet_group" "this" {
  name        = var.name
  description = "Private subnets of ${var.network.environment} for ${var.name}"
  subnet_ids  = var.network.private_subnet_ids
  tags        = { Name = var.name, Role = "cache" }
}

# Whoever comes in does so by IAM: there is no password to keep. A group of Valkey takes nobody without a password or
# IAM and needs no user called default, so there is none; IAM wants id and name alike.
resource "aws_elasticache_user" "platform" {
  user_id       = "${var.name}-platform"
  user_name     = "${var.name}-platform"
  engine        = "valkey"
  access_string = "on ~* &* +@all -@dangerous +info"
  tags          = { Name = "${var.name}-platform", Role = "cache" }

  authentication_mode {
    type = "iam"
  }
}

# Who makes the tenants' users through the API of ElastiCache, and counts and removes their keys. It ends connections by
# CLIENT KILL; what makes users is refused to everybody by the servers themselves.
resource "aws_elasticache_user" "portal" {
  user_id       = "${var.name}-portal"
  user_name     = "${var.name}-portal"
  engine        = "valkey"
  access_string = "on ~* &* -@all +@read +@keyspace +@connection -@dangerous +client +info"
  tags          = { Name = "${var.name}-portal", Role = "cache" }

  authentication_mode {
    type = "iam"
  }
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.platform.user_id]
  tags          = { Name = var.name, Role = "cache" }

  lifecycle {
    ignore_changes = [user_ids] # the portal puts the tenants' users in and takes them out
  }
}

resource "aws_elasticache_user_group_association" "portal" {
  user_group_id = aws_elasticache_user_group.this.user_group_id
  user_id       = aws_elasticache_user.portal.user_id
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id       = var.name
  description                = "Cache of the platform"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.size.node_type
  num_cache_clusters         = var.size.nodes
  automatic_failover_enabled = var.size.automatic_failover
  multi_az_enabled           = var.size.automatic_failover
  port                       = 6379
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = var.security_group_ids
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]
  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  snapshot_retention_limit   = var.size.snapshot_days
  snapshot_window            = "20:00-21:00"
  maintenance_window         = "sun:21:30-sun:22:30"
  auto_minor_version_upgrade = true
  tags                       = { Name = var.name, Role = "cache" }
}
