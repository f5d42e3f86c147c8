# The estate before: everything three times in one root, its state in a file.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = "ap-south-1"
}

resource "aws_vpc" "dev_vpc" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "dev-vpc" }
}

resource "aws_subnet" "dev_a" {
  vpc_id            = aws_vpc.dev_vpc.id
  availability_zone = "ap-south-1a"
  cidr_block        = "10.0.64.0/20"
}

resource "aws_subnet" "dev_b" {
  vpc_id            = aws_vpc.dev_vpc.id
  availability_zone = "ap-south-1b"
  cidr_block        = "10.0.80.0/20"
}

resource "aws_db_subnet_group" "dev" {
  name       = "dev-subnets"
  subnet_ids = [aws_subnet.dev_a.id, aws_subnet.dev_b.id]
}

resource "aws_security_group" "dev_db_sg" {
  name        = "dev-db-sg"
  description = "database"
  vpc_id      = aws_vpc.dev_vpc.id
}

resource "aws_vpc_security_group_ingress_rule" "dev_postgres" {
  security_group_id = aws_security_group.dev_db_sg.id
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = "10.0.0.0/16"
}

resource "aws_db_instance" "dev_postgres" {
  identifier              = "dev-postgres"
  engine                  = "postgres"
  engine_version          = "16"
  instance_class          = "db.t3.large"
  storage_type            = "gp2"
  allocated_storage       = 200
  db_name                 = "fintech"
  username                = "dbadmin"
  password                = "changeme123"
  storage_encrypted       = true
  kms_key_id              = "arn:aws:kms:ap-south-1:123456789012:key/aws-rds"
  db_subnet_group_name    = aws_db_subnet_group.dev.name
  vpc_security_group_ids  = [aws_security_group.dev_db_sg.id]
  backup_retention_period = 1
  skip_final_snapshot     = true
}

resource "aws_vpc" "staging_vpc" {
  cidr_block           = "10.1.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "staging-vpc" }
}

resource "aws_subnet" "staging_a" {
  vpc_id            = aws_vpc.staging_vpc.id
  availability_zone = "ap-south-1a"
  cidr_block        = "10.1.64.0/20"
}

resource "aws_subnet" "staging_b" {
  vpc_id            = aws_vpc.staging_vpc.id
  availability_zone = "ap-south-1b"
  cidr_block        = "10.1.80.0/20"
}

resource "aws_db_subnet_group" "staging" {
  name       = "staging-subnets"
  subnet_ids = [aws_subnet.staging_a.id, aws_subnet.staging_b.id]
}

resource "aws_security_group" "staging_db_sg" {
  name        = "staging-db-sg"
  description = "database"
  vpc_id      = aws_vpc.staging_vpc.id
}

resource "aws_vpc_security_group_ingress_rule" "staging_postgres" {
  security_group_id = aws_security_group.staging_db_sg.id
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = "10.1.0.0/16"
}

resource "aws_db_instance" "staging_postgres" {
  identifier              = "staging-postgres"
  engine                  = "postgres"
  engine_version          = "16"
  instance_class          = "db.t3.large"
  storage_type            = "gp2"
  allocated_storage       = 200
  db_name                 = "fintech"
  username                = "dbadmin"
  password                = "changeme123"
  storage_encrypted       = true
  kms_key_id              = "arn:aws:kms:ap-south-1:123456789012:key/aws-rds"
  db_subnet_group_name    = aws_db_subnet_group.staging.name
  vpc_security_group_ids  = [aws_security_group.staging_db_sg.id]
  backup_retention_period = 1
  skip_final_snapshot     = true
}

resource "aws_vpc" "prod_vpc" {
  cidr_block           = "10.2.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "prod-vpc" }
}

resource "aws_subnet" "prod_a" {
  vpc_id            = aws_vpc.prod_vpc.id
  availability_zone = "ap-south-1a"
  cidr_block        = "10.2.64.0/20"
}

resource "aws_subnet" "prod_b" {
  vpc_id            = aws_vpc.prod_vpc.id
  availability_zone = "ap-south-1b"
  cidr_block        = "10.2.80.0/20"
}

resource "aws_subnet" "prod_c" {
  vpc_id            = aws_vpc.prod_vpc.id
  availability_zone = "ap-south-1c"
  cidr_block        = "10.2.96.0/20"
}

resource "aws_db_subnet_group" "prod" {
  name       = "prod-subnets"
  subnet_ids = [aws_subnet.prod_a.id, aws_subnet.prod_b.id, aws_subnet.prod_c.id]
}

resource "aws_security_group" "prod_db_sg" {
  name        = "prod-db-sg"
  description = "database"
  vpc_id      = aws_vpc.prod_vpc.id
}

resource "aws_vpc_security_group_ingress_rule" "prod_postgres" {
  security_group_id = aws_security_group.prod_db_sg.id
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = "10.2.0.0/16"
}

resource "aws_db_instance" "prod_postgres" {
  identifier              = "prod-postgres"
  engine                  = "postgres"
  engine_version          = "16"
  instance_class          = "db.t3.large"
  storage_type            = "gp2"
  allocated_storage       = 200
  db_name                 = "fintech"
  username                = "dbadmin"
  password                = "changeme123"
  storage_encrypted       = true
  kms_key_id              = "arn:aws:kms:ap-south-1:123456789012:key/aws-rds"
  db_subnet_group_name    = aws_db_subnet_group.prod.name
  vpc_security_group_ids  = [aws_security_group.prod_db_sg.id]
  backup_retention_period = 1
  skip_final_snapshot     = true
}
