output "network" {
  description = "What belongs together: the environment, its VPC, and its subnets. Other modules take it whole, so that nothing of another environment's can be mixed in."
  value = {
    environment         = var.environment
    vpc_id              = aws_vpc.this.id
    cidr                = aws_vpc.this.cidr_block
    private_subnet_ids  = [for zone in var.zones : aws_subnet.private[zone].id]
    public_subnet_ids   = [for zone in keys(local.public) : aws_subnet.public[zone].id]
    database_subnet_ids = [for zone in var.zones : aws_subnet.database[zone].id]
    s3_prefix_list_id   = aws_vpc_endpoint.s3.prefix_list_id
  }
}
