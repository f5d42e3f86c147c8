variables {
  name               = "bailiwick-prod"
  environment        = "prod"
  cidr               = "10.48.0.0/16"
  zones              = ["ap-south-1a", "ap-south-1b", "ap-south-1c"]
  nat_gateways       = 3
  flow_log_group_arn = "arn:aws:logs:ap-south-1:123456789012:log-group:/bailiwick/prod/flow"
  flow_log_role_arn  = "arn:aws:iam::123456789012:role/flow-logs"
}

run "subnets_are_disjoint_and_inside" {
  command = plan
  assert {
    condition = length(distinct(concat(
      [for one in values(aws_subnet.private) : one.cidr_block],
      [for one in values(aws_subnet.database) : one.cidr_block],
      [for one in values(aws_subnet.public) : one.cidr_block],
    ))) == 9
    error_message = "nine different sixteenths"
  }
  assert {
    condition = alltrue([
      for one in concat(values(aws_subnet.private), values(aws_subnet.database), values(aws_subnet.public)) :
      cidrsubnet("${cidrhost(one.cidr_block, 0)}/16", 0, 0) == var.cidr && endswith(one.cidr_block, "/20")
    ])
    error_message = "each of them a sixteenth of the network"
  }
}

run "all_subnets_are_of_this_network" {
  assert {
    condition = alltrue([
      for one in concat(values(aws_subnet.private), values(aws_subnet.database), values(aws_subnet.public)) :
      one.vpc_id == aws_vpc.this.id
    ])
    error_message = "a subnet of another VPC"
  }
  assert {
    condition     = length(output.network.database_subnet_ids) == 3 && length(output.network.public_subnet_ids) == 3 && length(aws_nat_gateway.this) == 3
    error_message = "one per zone"
  }
  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "the default group allows something"
  }
}

run "without_nat_aws_is_reached_inside_and_nothing_is_public" {
  variables {
    name                = "bailiwick-dev"
    environment         = "dev"
    nat_gateways        = 0
    interface_endpoints = ["ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sts"]
  }
  assert {
    condition     = alltrue([for one in values(aws_vpc_endpoint.interface) : one.private_dns_enabled && length(one.subnet_ids) == 3 && length(one.security_group_ids) == 1])
    error_message = "by their usual names, from every zone"
  }
  assert {
    condition     = toset([for one in values(aws_vpc_endpoint.interface) : one.service_name]) == toset([for one in var.interface_endpoints : "com.amazonaws.ap-south-1.${one}"])
    error_message = jsonencode([for one in values(aws_vpc_endpoint.interface) : one.service_name])
  }
  assert {
    condition     = length(aws_subnet.public) + length(aws_internet_gateway.this) + length(aws_route.nat) == 0
    error_message = "a way to the internet"
  }
}

run "neither_nat_nor_endpoints_is_refused" {
  command = plan
  variables {
    nat_gateways = 0
  }
  expect_failures = [var.interface_endpoints]
}

run "public_addresses_are_refused" {
  command = plan
  variables {
    cidr = "11.0.0.0/16"
  }
  expect_failures = [var.cidr]
}

run "a_crooked_block_is_refused" {
  command = plan
  variables {
    cidr = "10.48.1.0/16"
  }
  expect_failures = [var.cidr]
}

run "one_zone_is_refused" {
  command = plan
  variables {
    zones        = ["ap-south-1a"]
    nat_gateways = 0
  }
  expect_failures = [var.zones]
}

run "example" {
  module {
    source = "./examples/basic"
  }
}
