# Takes over what the estate before had made, by ids given in `adopt`; with nothing given this does nothing at all. A
# moved block cannot cross states, and each environment has a state of its own now, hence imports.
import {
  for_each = var.adopt.vpc
  to       = module.network.aws_vpc.this
  id       = each.value
}

import {
  for_each = var.adopt.private_subnets
  to       = module.network.aws_subnet.private[each.key]
  id       = each.value
}

import {
  for_each = var.adopt.database_subnets
  to       = module.network.aws_subnet.database[each.key]
  id       = each.value
}

import {
  for_each = var.adopt.database
  to       = module.database.aws_db_instance.this
  id       = each.value
}

import {
  for_each = var.adopt.subnet_group
  to       = module.database.aws_db_subnet_group.this
  id       = each.value
}

import {
  for_each = var.adopt.database_group
  to       = module.database_group.aws_security_group.this
  id       = each.value
}

import {
  for_each = var.adopt.database_rules
  to       = module.database_group.aws_vpc_security_group_ingress_rule.this[each.key]
  id       = each.value
}

import {
  for_each = var.adopt.database_logs
  to       = module.database.module.logs.aws_cloudwatch_log_group.this[each.key]
  id       = each.value
}
