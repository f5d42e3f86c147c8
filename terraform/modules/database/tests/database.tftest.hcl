variables {
  name               = "bailiwick-prod"
  environment        = "prod"
  kms_key_arn        = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  security_group_ids = ["sg-0a1b2c3d4e5f60718"]
  log_retention_days = 365
  network = {
    environment         = "prod"
    vpc_id              = "vpc-double"
    database_subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
  }
  size = {
    instance_class        = "db.r7g.xlarge"
    allocated_storage     = 400
    max_allocated_storage = 1600
    multi_az              = true
    retention_days        = 35
    deletion_protection   = true
    iam_authentication    = true
  }
}

override_data {
  target = data.aws_subnet.database
  values = { vpc_id = "vpc-double" }
}

run "all_duties_of_production" {
  command = plan
  assert {
    condition = alltrue([
      aws_db_instance.this.multi_az,
      aws_db_instance.this.storage_encrypted,
      aws_db_instance.this.kms_key_id == var.kms_key_arn,
      aws_db_instance.this.deletion_protection,
      !aws_db_instance.this.skip_final_snapshot,
      !aws_db_instance.this.publicly_accessible,
      aws_db_instance.this.backup_retention_period == 35,
      aws_db_instance.this.iam_database_authentication_enabled,
      aws_db_instance.this.storage_type == "gp3",
    ])
    error_message = "a duty is missing"
  }
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && aws_db_instance.this.password_wo == null
    error_message = "the password is Secrets Manager's"
  }
  assert {
    condition     = contains([for one in aws_db_parameter_group.this.parameter : "${one.name}=${one.value}"], "rds.force_ssl=1")
    error_message = "TLS is forced"
  }
}

run "a_final_snapshot_has_a_name_of_its_own" {
  assert {
    condition     = can(regex("^bailiwick-prod-final-[0-9a-f-]{36}$", aws_db_instance.this.final_snapshot_identifier))
    error_message = aws_db_instance.this.final_snapshot_identifier
  }
  assert {
    condition     = startswith(output.secret_arn, "arn:aws:secretsmanager:")
    error_message = output.secret_arn
  }
}

run "made_anew_once_it_leaves_a_snapshot" {
  variables {
    database = "rag_2"
  }
}

run "made_anew_twice_it_leaves_another" {
  variables {
    database = "rag_3"
  }
  assert {
    condition     = aws_db_instance.this.db_name == "rag_3"
    error_message = aws_db_instance.this.db_name
  }
}

run "its_logs_have_a_key_and_an_end" {
  assert {
    condition     = join(" ", keys(module.logs.log_groups)) == "/aws/rds/instance/bailiwick-prod/postgresql /aws/rds/instance/bailiwick-prod/upgrade"
    error_message = jsonencode(module.logs.log_groups)
  }
}

run "storage_grows_when_it_is_asked_to" {
  variables {
    size = {
      instance_class        = "db.r7g.xlarge"
      allocated_storage     = 500
      max_allocated_storage = 2000
      multi_az              = true
      retention_days        = 35
      deletion_protection   = true
      iam_authentication    = true
    }
  }
  assert {
    condition     = aws_db_instance.this.allocated_storage == 500
    error_message = "still ${aws_db_instance.this.allocated_storage}"
  }
}

run "no_room_to_grow_is_refused" {
  command = plan
  variables {
    size = {
      instance_class        = "db.r7g.xlarge"
      allocated_storage     = 400
      max_allocated_storage = 400
      multi_az              = true
      retention_days        = 35
      deletion_protection   = true
      iam_authentication    = true
    }
  }
  expect_failures = [var.size]
}

run "a_name_longer_than_rds_takes_is_refused" {
  command = plan
  variables {
    name = "a-2-3-4-5-6-7-8-9-0-1-2-3-4-5-6-7-8-9-0-1-2-3-4-5-6-7-8-9-0-1-2-3"
  }
  expect_failures = [var.name]
}

run "a_subnet_of_another_vpc_is_refused" {
  command = plan
  override_data {
    target = data.aws_subnet.database
    values = { vpc_id = "vpc-staging" }
  }
  expect_failures = [data.aws_subnet.database]
}

run "another_environments_network_is_refused" {
  command = plan
  variables {
    network = { environment = "staging", vpc_id = "vpc-double", database_subnet_ids = ["subnet-1", "subnet-2"] }
  }
  expect_failures = [var.network]
}

run "one_zone_in_production_is_refused" {
  command = plan
  variables {
    size = {
      instance_class        = "db.r7g.xlarge"
      allocated_storage     = 400
      max_allocated_storage = 1600
      multi_az              = false
      retention_days        = 35
      deletion_protection   = true
      iam_authentication    = true
    }
  }
  expect_failures = [var.size]
}

run "seven_days_in_production_are_refused" {
  command = plan
  variables {
    size = {
      instance_class        = "db.r7g.xlarge"
      allocated_storage     = 400
      max_allocated_storage = 1600
      multi_az              = true
      retention_days        = 7
      deletion_protection   = true
      iam_authentication    = true
    }
  }
  expect_failures = [var.size]
}

run "intel_is_refused" {
  command = plan
  variables {
    size = {
      instance_class        = "db.t3.large"
      allocated_storage     = 400
      max_allocated_storage = 1600
      multi_az              = true
      retention_days        = 35
      deletion_protection   = true
      iam_authentication    = true
    }
  }
  expect_failures = [var.size]
}

run "a_name_everybody_tries_is_refused" {
  command = plan
  variables {
    username = "admin"
  }
  expect_failures = [var.username]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
