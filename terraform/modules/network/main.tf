# Sixteen equal parts: zones take 0 to 3 for private, 4 to 7 for databases, 8 to 11 for public subnets; the rest is free.
locals {
  zone     = { for index, zone in var.zones : zone => index }
  private  = { for zone, index in local.zone : zone => cidrsubnet(var.cidr, 4, index) }
  database = { for zone, index in local.zone : zone => cidrsubnet(var.cidr, 4, index + 4) }
  public   = var.nat_gateways == 0 ? {} : { for zone, index in local.zone : zone => cidrsubnet(var.cidr, 4, index + 8) }
  nat      = toset(slice(var.zones, 0, var.nat_gateways))
  region   = substr(var.zones[0], 0, length(var.zones[0]) - 1)
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name, Role = "network" }
}

# What is put into no group of its own reaches nothing.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-default-closed", Role = "firewall" }
}

resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  log_destination = var.flow_log_group_arn
  iam_role_arn    = var.flow_log_role_arn
  tags            = { Name = var.name, Role = "logs" }
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-private-${each.key}", Role = "private" }
}

resource "aws_subnet" "database" {
  for_each = local.database

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-database-${each.key}", Role = "database" }
}

resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = { Name = "${var.name}-public-${each.key}", Role = "public" }
}

resource "aws_internet_gateway" "this" {
  count = var.nat_gateways == 0 ? 0 : 1

  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name, Role = "network" }
}

resource "aws_eip" "nat" {
  for_each = local.nat

  domain = "vpc"
  tags   = { Name = "${var.name}-nat-${each.key}", Role = "network" }
}

resource "aws_nat_gateway" "this" {
  for_each = local.nat

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = { Name = "${var.name}-${each.key}", Role = "network" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  count = var.nat_gateways == 0 ? 0 : 1

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-public", Role = "public" }
}

resource "aws_route" "internet" {
  count = var.nat_gateways == 0 ? 0 : 1

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = local.public

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_route_table" "private" {
  for_each = local.private

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private-${each.key}", Role = "private" }
}

resource "aws_route" "nat" {
  for_each = var.nat_gateways == 0 ? {} : local.private

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[var.nat_gateways == 1 ? var.zones[0] : each.key].id
}

resource "aws_route_table_association" "private" {
  for_each = local.private

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# Databases have no way out at all.
resource "aws_route_table" "database" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-database", Role = "database" }
}

resource "aws_route_table_association" "database" {
  for_each = local.database

  subnet_id      = aws_subnet.database[each.key].id
  route_table_id = aws_route_table.database.id
}

# Where there is no NAT gateway, what runs here reaches these services of AWS and no others.
module "endpoint_group" {
  source = "../security_group"
  count  = length(var.interface_endpoints) == 0 ? 0 : 1

  name        = "${var.name}-endpoints"
  description = "Endpoints of AWS services"
  vpc_id      = aws_vpc.this.id

  ingress = {
    https = { description = "This network", from_port = 443, cidrs_ipv4 = [var.cidr] }
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for zone in var.zones : aws_subnet.private[zone].id]
  security_group_ids  = module.endpoint_group[*].id
  tags                = { Name = "${var.name}-${each.key}", Role = "network" }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for one in values(aws_route_table.private) : one.id]
  tags              = { Name = "${var.name}-s3", Role = "network" }
}
