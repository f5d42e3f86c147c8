variables {
  alias       = "bailiwick/data"
  description = "Data of the platform"
}

run "the_key_rotates_and_waits_before_it_goes" {
  command = plan
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "rotation and 30 days"
  }
  assert {
    condition     = aws_kms_alias.this.name == "alias/bailiwick/data"
    error_message = aws_kms_alias.this.name
  }
}

run "services_only_for_this_account" {
  variables {
    services = ["cloudwatch.amazonaws.com", "logs.ap-south-1.amazonaws.com"]
  }
  assert {
    condition     = [for one in jsondecode(aws_kms_key.this.policy).Statement : one.Sid] == ["AccountDecides", "Logs", "Services"]
    error_message = aws_kms_key.this.policy
  }
  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[1].Condition == { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:ap-south-1:${data.aws_caller_identity.current.account_id}:log-group:*" } }
    error_message = "CloudWatch Logs says no account, it says the log group"
  }
  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[2].Condition.StringEquals["aws:SourceAccount"] == data.aws_caller_identity.current.account_id
    error_message = aws_kms_key.this.policy
  }
}

run "six_days_are_refused" {
  command = plan
  variables {
    deletion_window_days = 6
  }
  expect_failures = [var.deletion_window_days]
}

run "an_alias_of_aws_is_refused" {
  command = plan
  variables {
    alias = "aws/s3"
  }
  expect_failures = [var.alias]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
