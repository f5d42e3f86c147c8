variables {
  direction = "ingress"
  rules = {
    https = {
      description = "The portal, from the internet"
      from_port   = 443
      cidrs_ipv4  = ["0.0.0.0/0"]
      cidrs_ipv6  = ["::/0"]
    }
    database = {
      description     = "PostgreSQL from the platform"
      from_port       = 5432
      security_groups = { platform = "sg-1" }
    }
  }
  internet_rules = ["https"]
}

run "one_entry_per_rule_and_peer" {
  command = plan
  assert {
    condition     = toset(keys(output.rules)) == toset(["https/0.0.0.0/0", "https/::/0", "database/platform"])
    error_message = jsonencode(keys(output.rules))
  }
  assert {
    condition     = output.counts == { ipv4 = 2, ipv6 = 2 }
    error_message = jsonencode(output.counts)
  }
}

run "the_internet_is_refused_unless_allowed" {
  command = plan
  variables {
    internet_rules = []
  }
  expect_failures = [output.rules]
}

run "the_internet_on_another_port_is_refused_even_when_allowed" {
  command = plan
  variables {
    rules          = { database = { description = "PostgreSQL", from_port = 5432, cidrs_ipv6 = ["::/0"] } }
    internet_rules = ["database"]
  }
  expect_failures = [output.rules]
}

run "half_the_internet_is_the_internet" {
  command = plan
  variables {
    rules          = { web = { description = "both halves", from_port = 443, cidrs_ipv4 = ["0.0.0.0/1", "128.0.0.0/1"] } }
    internet_rules = []
  }
  expect_failures = [output.rules]
}

run "ssh_is_refused_even_inside_a_range" {
  command = plan
  variables {
    rules          = { range = { description = "many ports", from_port = 20, to_port = 25, cidrs_ipv4 = ["10.0.0.0/16"] } }
    internet_rules = []
  }
  expect_failures = [output.rules]
}

run "the_61st_rule_is_refused" {
  command = plan
  variables {
    rules = {
      many = { description = "sixty-one peers", from_port = 8443, cidrs_ipv4 = [for n in range(61) : "10.0.${n}.0/24"] }
    }
    internet_rules = []
  }
  expect_failures = [output.rules]
}

run "sixty_and_sixty_fit" {
  command = plan
  variables {
    rules = {
      many = {
        description = "sixty peers of each kind"
        from_port   = 8443
        cidrs_ipv4  = [for n in range(60) : "10.0.${n}.0/24"]
        cidrs_ipv6  = [for n in range(60) : "2001:db8:${n}::/48"]
      }
    }
    internet_rules = []
  }
  assert {
    condition     = output.counts == { ipv4 = 60, ipv6 = 60 }
    error_message = jsonencode(output.counts)
  }
}

run "a_rule_without_peer_is_refused" {
  command = plan
  variables {
    rules          = { nobody = { description = "for nobody", from_port = 443 } }
    internet_rules = []
  }
  expect_failures = [var.rules]
}

run "all_protocols_are_refused" {
  command = plan
  variables {
    rules          = { all = { description = "everything", from_port = 1, protocol = "-1", cidrs_ipv4 = ["10.0.0.0/8"] } }
    internet_rules = []
  }
  expect_failures = [var.rules]
}

run "a_prefix_list_counts_with_all_it_may_hold" {
  command = plan
  variables {
    rules = {
      s3 = { description = "S3 by its endpoint", from_port = 443, prefix_lists = { s3 = { id = "pl-1", max_entries = 61 } } }
    }
    internet_rules = []
  }
  expect_failures = [output.rules]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
