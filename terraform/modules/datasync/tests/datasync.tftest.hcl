run "it_deletes_nothing_and_reaches_tenants_buckets_alone" {
  assert {
    condition = alltrue(flatten([
      for one in jsondecode(aws_iam_role_policy.this.policy).Statement : [
        [for action in one.Action : !can(regex("Delete|Policy|Acl|\\*", action))],
        [for resource in one.Resource : can(regex(":s3:::rag-\\*|:key/\\*$", resource))],
      ]
    ]))
    error_message = aws_iam_role_policy.this.policy
  }
}

run "only_datasync_of_this_account_takes_it" {
  assert {
    condition = alltrue([
      for one in jsondecode(aws_iam_role.this.assume_role_policy).Statement :
      one.Principal == { Service = "datasync.amazonaws.com" } && can(one.Condition.StringEquals["aws:SourceAccount"])
    ])
    error_message = aws_iam_role.this.assume_role_policy
  }
}

run "a_name_that_iam_does_not_take_is_refused" {
  command = plan
  variables {
    role = "no name"
  }
  expect_failures = [var.role]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
