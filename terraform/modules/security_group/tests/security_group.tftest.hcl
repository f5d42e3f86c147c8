variables {
  name        = "database"
  description = "PostgreSQL of the platform"
  vpc_id      = "vpc-0a1b2c3d4e5f60718"
  ingress = {
    postgres = { description = "PostgreSQL", from_port = 5432, cidrs_ipv4 = ["10.0.0.0/20", "10.0.16.0/20"] }
  }
}

run "one_resource_per_rule_and_peer" {
  command = plan
  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.this)) == toset(["postgres/10.0.0.0/20", "postgres/10.0.16.0/20"])
    error_message = jsonencode(keys(aws_vpc_security_group_ingress_rule.this))
  }
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.this) == 0
    error_message = "nothing goes out that is not named"
  }
}

run "applied_the_rules_belong_to_the_group" {
  assert {
    condition = alltrue([
      for one in values(aws_vpc_security_group_ingress_rule.this) : one.security_group_id == aws_security_group.this.id
    ])
    error_message = "a rule of another group"
  }
}

run "another_description_makes_it_anew_beside_the_old_one" {
  variables {
    description = "PostgreSQL of the platform, and of nothing else"
  }
  assert {
    condition     = startswith(aws_security_group.this.name, "database-")
    error_message = aws_security_group.this.name
  }
}

run "an_adopted_group_keeps_its_name" {
  command = plan
  variables {
    adopted_name = "prod-db-sg"
  }
  assert {
    condition     = aws_security_group.this.name == "prod-db-sg"
    error_message = aws_security_group.this.name
  }
}

run "no_vpc_is_refused" {
  command = plan
  variables {
    vpc_id = "default"
  }
  expect_failures = [var.vpc_id]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
