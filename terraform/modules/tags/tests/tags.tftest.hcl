variables {
  tenant_id   = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  tier        = "gold"
  environment = "prod"
  cost_center = "CC-1042"
  owner       = "retail-platform"
  project     = "retail-banking"
  data_class  = "confidential"
}

run "ten_tags" {
  command = plan

  assert {
    condition = toset(keys(output.tags)) == toset([
      "TenantID", "Tier", "Environment", "CostCenter", "Owner",
      "Compliance", "DataClass", "Project", "ManagedBy", "ExpiresOn",
    ])
    error_message = "tags: ${join(", ", keys(output.tags))}"
  }
  assert {
    condition     = alltrue([for value in values(output.tags) : length(value) > 0])
    error_message = "a tag without a value cannot be told from a missing one"
  }
  assert {
    condition     = output.tags.Compliance == "none" && output.tags.ExpiresOn == "never"
    error_message = "absence must be said in words"
  }
}

run "profiles_are_sorted" {
  command = plan
  variables {
    compliance = ["gdpr", "dpdp"]
    expires_on = "2027-03-31"
  }
  assert {
    condition     = output.tags.Compliance == "dpdp+gdpr" && output.tags.ExpiresOn == "2027-03-31"
    error_message = "Compliance: ${output.tags.Compliance}, ExpiresOn: ${output.tags.ExpiresOn}"
  }
}

run "email_as_owner_is_refused" {
  command = plan
  variables {
    owner = "someone@example.com"
  }
  expect_failures = [var.owner]
}

run "unknown_environment_is_refused" {
  command = plan
  variables {
    environment = "production"
  }
  expect_failures = [var.environment]
}

run "impossible_date_is_refused" {
  command = plan
  variables {
    expires_on = "2027-02-30"
  }
  expect_failures = [var.expires_on]
}

run "empty_cost_center_is_refused" {
  command = plan
  variables {
    cost_center = ""
  }
  expect_failures = [var.cost_center]
}

run "unknown_data_class_is_refused" {
  command = plan
  variables {
    data_class = "secret"
  }
  expect_failures = [var.data_class]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
