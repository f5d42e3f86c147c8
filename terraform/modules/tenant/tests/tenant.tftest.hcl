mock_provider "region" {}

variables {
  tenant_id              = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  name                   = "retail-banking"
  region                 = "ap-south-1"
  tags                   = { TenantID = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b" }
  vector_provider        = "pgvector"
  log_retention_days     = 365
  object_noncurrent_days = 30
  names = {
    role         = "t_0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    partition    = "chunk_vectors_0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    namespace    = "0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    bucket       = "rag-retail-banking-3e4f5a6b"
    iam_user     = "rag-0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    cache_user   = "t-0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    cache_prefix = "t:0197a3b45c6d7e8f9a0b1c2d3e4f5a6b:"
    log_group    = "/rag/ap-south-1/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
    kms_alias    = "alias/rag-0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
  }
}

run "outputs_are_the_embedded_ones" {
  assert {
    condition     = output.bucket == var.names.bucket && output.iam_user == var.names.iam_user && output.log_group == var.names.log_group
    error_message = jsonencode([output.bucket, output.iam_user, output.log_group])
  }
  assert {
    condition     = output.db_role == var.names.role && output.cache_prefix == var.names.cache_prefix
    error_message = jsonencode([output.db_role, output.cache_prefix])
  }
}

run "the_user_reaches_its_own_and_nothing_else" {
  assert {
    condition = alltrue([
      for one in jsondecode(aws_iam_user_policy.this.policy).Statement : one.Effect == "Allow" && !contains(one.Resource, "*")
    ])
    error_message = aws_iam_user_policy.this.policy
  }
}

run "without_a_key_of_its_own_it_is_refused" {
  command = plan
  variables {
    encryption_cmk = false
  }
  expect_failures = [var.encryption_cmk]
}

run "another_tenants_tags_are_refused" {
  command = plan
  variables {
    tags = { TenantID = "11111111-1111-4111-8111-111111111111" }
  }
  expect_failures = [var.tags]
}

run "example" {
  command = plan
  module {
    source = "./examples/basic"
  }
}
