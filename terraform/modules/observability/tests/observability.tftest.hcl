variables {
  log_groups     = ["/bailiwick/prod/flow", "/bailiwick/prod/app"]
  retention_days = 365
  kms_key_arn    = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
}

run "logs_are_encrypted_and_end" {
  command = plan
  assert {
    condition = alltrue([
      for one in values(aws_cloudwatch_log_group.this) : one.kms_key_id == var.kms_key_arn && one.retention_in_days == 365
    ])
    error_message = "a key and an end"
  }
  assert {
    condition     = length(aws_sns_topic.alarms) == 0
    error_message = "no topic without alarms"
  }
}

run "an_alarm_is_heard" {
  variables {
    alarm_topic = "platform"
    subscribers = { duty = { protocol = "email", endpoint = "on-call@bank.example" } }
    alarms = {
      "database-storage" = {
        description = "Storage runs out"
        namespace   = "AWS/RDS"
        metric      = "FreeStorageSpace"
        dimensions  = { DBInstanceIdentifier = "rag" }
        comparison  = "LessThanThreshold"
        threshold   = 10737418240
      }
    }
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["database-storage"].alarm_actions == toset([aws_sns_topic.alarms[0].arn])
    error_message = "to the topic"
  }
  assert {
    condition     = aws_sns_topic_subscription.this["duty"].topic_arn == aws_sns_topic.alarms[0].arn
    error_message = "and from there to somebody"
  }
}

run "an_alarm_nobody_hears_is_refused" {
  command = plan
  variables {
    alarms = { cpu = { description = "busy", namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = { a = "b" }, threshold = 80 } }
  }
  expect_failures = [var.alarms]
}

run "a_subscriber_who_cannot_be_reached_is_refused" {
  command = plan
  variables {
    alarm_topic = "platform"
    subscribers = { duty = { protocol = "https", endpoint = "http://pager.example" } }
  }
  expect_failures = [var.subscribers]
}

run "a_retention_aws_does_not_know_is_refused" {
  command = plan
  variables {
    retention_days = 31
  }
  expect_failures = [var.retention_days]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
