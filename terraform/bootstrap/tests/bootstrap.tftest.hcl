variables {
  account_id  = "123456789012"
  region      = "ap-south-1"
  cost_center = "CC-1"
  owner       = "platform-team"
}

run "a_backend_with_a_key_and_a_lock" {
  assert {
    condition     = startswith(output.backend.kms_key_id, "arn:aws:kms:") && output.backend.encrypt && output.backend.use_lockfile
    error_message = jsonencode(output.backend)
  }
  assert {
    condition     = output.backend.bucket == "bailiwick-state-123456789012"
    error_message = output.backend.bucket
  }
}

run "an_account_is_twelve_digits" {
  command = plan
  variables {
    account_id = "prod"
  }
  expect_failures = [var.account_id]
}
