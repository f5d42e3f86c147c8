variables {
  bucket      = "rag-retail-3e4f5a6b"
  kms_key_arn = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
}

run "closed_versioned_encrypted" {
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "versions are kept"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "closed to the public in all four ways"
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn && rule.bucket_key_enabled
    ])
    error_message = "encrypted with our key"
  }
  assert {
    condition     = [for one in jsondecode(aws_s3_bucket_policy.this.policy).Statement : one.Sid] == ["OnlyTLS", "NoOtherEncryption", "NoOtherKey"]
    error_message = aws_s3_bucket_policy.this.policy
  }
  assert {
    condition     = !aws_s3_bucket.this.force_destroy && length(aws_s3_bucket_logging.this) == 0
    error_message = "never destroyed with what is in it"
  }
}

run "a_lock_has_a_mode_and_days" {
  variables {
    bucket = "backups-of-a-bank"
    lock   = { mode = "COMPLIANCE", days = 35 }
  }
  assert {
    condition     = aws_s3_bucket.this.object_lock_enabled && aws_s3_bucket_object_lock_configuration.this[0].rule[0].default_retention[0].days == 35
    error_message = "a lock without a time locks nothing"
  }
}

run "a_lock_of_no_days_is_refused" {
  command = plan
  variables {
    lock = { mode = "COMPLIANCE", days = 0 }
  }
  expect_failures = [var.lock]
}

run "access_is_logged_elsewhere" {
  command = plan
  variables {
    log_bucket = "access-logs"
  }
  assert {
    condition     = aws_s3_bucket_logging.this[0].target_prefix == "rag-retail-3e4f5a6b/"
    error_message = "one prefix per bucket"
  }
}

run "a_bucket_does_not_log_into_itself" {
  command = plan
  variables {
    log_bucket = "rag-retail-3e4f5a6b"
  }
  expect_failures = [var.log_bucket]
}

run "documents_without_a_key_are_refused" {
  command = plan
  variables {
    kms_key_arn = null
  }
  expect_failures = [var.kms_key_arn]
}

run "dots_are_refused" {
  command = plan
  variables {
    bucket = "rag.retail"
  }
  expect_failures = [var.bucket]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
