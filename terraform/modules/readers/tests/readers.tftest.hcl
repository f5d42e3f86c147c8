run "they_look_and_change_nothing" {
  command = plan
  assert {
    condition = alltrue(flatten([
      for one in values(aws_iam_user_policy.this) : [
        for action in flatten([for said in jsondecode(one.policy).Statement : said.Action if said.Effect == "Allow"]) :
        can(regex("^[a-z0-9]+:(GetBucket|GetMetric|GetResources|List|Describe|FilterLogEvents)", action))
      ]
    ]))
    error_message = "an action that changes something, or reads a tenant's content"
  }
  assert {
    condition     = output.users == { optimizer = "bw-optimizer", verifier = "bw-verifier" }
    error_message = jsonencode(output.users)
  }
}

run "one_user_for_both_is_refused" {
  command = plan
  variables {
    verifier_user = "bw-optimizer"
  }
  expect_failures = [var.verifier_user]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
