# What had passed the rules and must not, and what they had refused although it is allowed (`sound`).
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

resource "aws_security_group" "old" {
  vpc_id = "vpc-1"
}

resource "aws_security_group_rule" "shell" {
  security_group_id = aws_security_group.old.id
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_vpc_security_group_ingress_rule" "half" {
  security_group_id = aws_security_group.old.id
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = "128.0.0.0/1"
}

resource "aws_iam_access_key" "this" {
  user = "somebody"
}

resource "aws_ssm_parameter" "this" {
  name  = "/prod/password"
  type  = "SecureString"
  value = "in the state"
}

resource "aws_rds_cluster" "this" {
  cluster_identifier  = "prod-rag"
  engine              = "aurora-postgresql"
  skip_final_snapshot = true
}

resource "aws_rds_cluster_instance" "this" {
  cluster_identifier  = aws_rds_cluster.this.id
  engine              = "aurora-postgresql"
  instance_class      = "db.r7g.large"
  publicly_accessible = true
}

resource "aws_security_group" "crowded" {
  vpc_id = "vpc-1"
}

resource "aws_vpc_security_group_ingress_rule" "crowded" {
  count = 61

  security_group_id = aws_security_group.crowded.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv6         = "fd00:${count.index}::/48"
}

# Two groups whose ids are not known yet: forty rules of IPv4 and forty of IPv6 in each are within the quota.
resource "aws_security_group" "sound" {
  for_each = toset(["one", "two"])

  vpc_id = "vpc-1"
}

resource "aws_vpc_security_group_ingress_rule" "sound_one" {
  count = 40

  security_group_id = aws_security_group.sound["one"].id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "10.0.${count.index}.0/24"
}

resource "aws_vpc_security_group_ingress_rule" "sound_one_ipv6" {
  count = 40

  security_group_id = aws_security_group.sound["one"].id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv6         = "fd00:${count.index}::/48"
}

resource "aws_vpc_security_group_ingress_rule" "sound_two" {
  count = 40

  security_group_id = aws_security_group.sound["two"].id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "10.1.${count.index}.0/24"
}

resource "aws_rds_cluster_parameter_group" "sound" {
  name_prefix = "rag-"
  family      = "aurora-postgresql17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_rds_cluster" "sound" {
  cluster_identifier                  = "rag-prod"
  engine                              = "aurora-postgresql"
  backup_retention_period             = 35
  deletion_protection                 = true
  storage_encrypted                   = true
  kms_key_id                          = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
  iam_database_authentication_enabled = true
  manage_master_user_password         = true
  skip_final_snapshot                 = false
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.sound.name
}
