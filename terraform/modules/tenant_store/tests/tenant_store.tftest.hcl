# Nothing is made: the provider makes real things in a real region (tests/terraform/test_life.py does).
run "example" {
  command = plan
  module {
    source = "./examples/basic"
  }
}

run "what_is_not_a_tenant_is_refused" {
  command = plan
  variables {
    tenant_id       = "0197A3B4"
    name            = "r"
    region          = "mumbai"
    tags            = { TenantID = "0197A3B4" }
    vector_provider = "pgvector"
    vector_index    = "_"
    names = {
      role       = "t_other", partition = "p_x", namespace = "n_x", bucket = "b_x", iam_user = "i_x"
      cache_user = "c_x", cache_prefix = "t:x", log_group = "/l", kms_alias = "alias/x"
    }
    protected_tables = []
  }
  expect_failures = [var.tenant_id, var.name, var.region, var.vector_index, var.protected_tables]
}

run "anothers_names_are_refused" {
  command = plan
  variables {
    tenant_id       = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
    name            = "retail-banking"
    region          = "ap-south-1"
    tags            = { TenantID = "0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b" }
    vector_provider = "pgvector"
    names = {
      role       = "t_other", partition = "p_x", namespace = "n_x", bucket = "b_x", iam_user = "i_x"
      cache_user = "c_x", cache_prefix = "t:x", log_group = "/lx", kms_alias = "alias/x"
    }
  }
  expect_failures = [var.names]
}
