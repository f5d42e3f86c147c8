module "ingress" {
  source = "../rule_set"

  direction      = "ingress"
  rules          = var.ingress
  internet_rules = var.internet_ingress
}

module "egress" {
  source = "../rule_set"

  direction      = "egress"
  rules          = var.egress
  internet_rules = var.internet_egress
}

# No inline rules: a rule of its own can be added, removed and imported without touching the others.
resource "aws_security_group" "this" {
  name        = var.adopted_name
  name_prefix = var.adopted_name == null ? "${var.name}-" : null
  description = var.description
  vpc_id      = var.vpc_id
  tags        = { Name = var.name, Role = "firewall" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = module.ingress.rules

  security_group_id            = aws_security_group.this.id
  description                  = each.value.description
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.from_port
  to_port                      = each.value.to_port
  cidr_ipv4                    = each.value.cidr_ipv4
  cidr_ipv6                    = each.value.cidr_ipv6
  prefix_list_id               = each.value.prefix_list_id
  referenced_security_group_id = each.value.security_group_id
  tags                         = { Name = "${var.name} ${each.key}", Role = "firewall" }
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = module.egress.rules

  security_group_id            = aws_security_group.this.id
  description                  = each.value.description
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.from_port
  to_port                      = each.value.to_port
  cidr_ipv4                    = each.value.cidr_ipv4
  cidr_ipv6                    = each.value.cidr_ipv6
  prefix_list_id               = each.value.prefix_list_id
  referenced_security_group_id = each.value.security_group_id
  tags                         = { Name = "${var.name} ${each.key}", Role = "firewall" }
}
