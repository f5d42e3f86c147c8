variables {
  tenant_id = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  name      = "retail-banking"
  region    = "ap-south-1"
}

run "names_carry_the_tenant" {
  command = plan

  assert {
    condition     = output.names.bucket == "rag-retail-banking-3e4f5a6b"
    error_message = "bucket: ${output.names.bucket}"
  }
  assert {
    condition     = output.names.role == "t_0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    error_message = "role: ${output.names.role}"
  }
  assert {
    condition     = output.names.log_group == "/rag/ap-south-1/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
    error_message = "log group: ${output.names.log_group}"
  }
  assert {
    condition     = output.names.cache_prefix == "t:${output.names.namespace}:"
    error_message = "the cache prefix must end where the tenant's id ends"
  }
}

run "a_second_set_bears_its_region" {
  command = plan
  variables {
    bears_region = true
  }

  assert {
    condition     = output.names.bucket == "rag-retail-banking-3e4f5a6b-ap-south-1"
    error_message = "bucket: ${output.names.bucket}"
  }
  assert {
    condition     = output.names.iam_user == "rag-0197a3b45c6d7e8f9a0b1c2d3e4f5a6b-ap-south-1"
    error_message = "user: ${output.names.iam_user}"
  }
}

run "longest_name_still_fits_a_bucket" {
  command = plan
  variables {
    name         = "a2345678901234567890123456789012"
    region       = "ap-southeast-1"
    bears_region = true
  }
  assert {
    condition     = length(output.names.bucket) <= 63
    error_message = "a bucket name has at most 63 characters"
  }
}

run "path_in_name_is_refused" {
  command = plan
  variables {
    name = "../../x"
  }
  expect_failures = [var.name]
}

run "capitals_are_refused" {
  command = plan
  variables {
    name = "Retail"
  }
  expect_failures = [var.name]
}

run "trailing_hyphen_is_refused" {
  command = plan
  variables {
    name = "retail-"
  }
  expect_failures = [var.name]
}

run "name_of_64_is_refused" {
  command = plan
  variables {
    name = "a234567890123456789012345678901234567890123456789012345678901234"
  }
  expect_failures = [var.name]
}

run "id_without_hyphens_is_refused" {
  command = plan
  variables {
    tenant_id = "0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
  }
  expect_failures = [var.tenant_id]
}

run "region_is_checked" {
  command = plan
  variables {
    region = "mumbai"
  }
  expect_failures = [var.region]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
