# Anything wider than a /8 of IPv4 or a /16 of IPv6 counts as the internet: 0.0.0.0/1 and 128.0.0.0/1 are 0.0.0.0/0.
locals {
  expanded = merge(flatten([
    for name, one in var.rules : [
      { for cidr in one.cidrs_ipv4 : "${name}/${cidr}" => merge(local.common[name], { cidr_ipv4 = cidr }) },
      { for cidr in one.cidrs_ipv6 : "${name}/${cidr}" => merge(local.common[name], { cidr_ipv6 = cidr }) },
      { for peer, list in one.prefix_lists : "${name}/${peer}" => merge(local.common[name], { prefix_list_id = list.id }) },
      { for peer, id in one.security_groups : "${name}/${peer}" => merge(local.common[name], { security_group_id = id }) },
    ]
  ])...)

  common = {
    for name, one in var.rules : name => {
      rule              = name
      description       = one.description
      protocol          = one.protocol
      from_port         = one.from_port
      to_port           = coalesce(one.to_port, one.from_port)
      cidr_ipv4         = null
      cidr_ipv6         = null
      prefix_list_id    = null
      security_group_id = null
    }
  }

  open = {
    for name, one in var.rules : name => anytrue(concat(
      [for cidr in one.cidrs_ipv4 : tonumber(split("/", cidr)[1]) < 8],
      [for cidr in one.cidrs_ipv6 : tonumber(split("/", cidr)[1]) < 16],
    ))
  }

  # A rule by group counts in both; a prefix list counts in both with all the entries it may come to hold.
  listed     = sum(concat([0], flatten([for one in values(var.rules) : [for list in values(one.prefix_lists) : list.max_entries]])))
  grouped    = length([for one in values(local.expanded) : 1 if one.security_group_id != null])
  count_ipv4 = local.listed + local.grouped + length([for one in values(local.expanded) : 1 if one.cidr_ipv4 != null])
  count_ipv6 = local.listed + local.grouped + length([for one in values(local.expanded) : 1 if one.cidr_ipv6 != null])

  remote_shells = [22, 3389, 5985, 5986]
  shells = [
    for name, one in var.rules : name if var.direction == "ingress" && one.protocol == "tcp" && anytrue([
      for port in local.remote_shells : one.from_port <= port && port <= coalesce(one.to_port, one.from_port)
    ])
  ]
  wide = [
    for name, open in local.open : name if open && !(
      contains(var.internet_rules, name)
      && contains(["tcp", "udp"], var.rules[name].protocol)
      && contains([80, 443], var.rules[name].from_port)
      && coalesce(var.rules[name].to_port, var.rules[name].from_port) == var.rules[name].from_port
    )
  ]
}
