locals {
  # What the optimizer asks (docs/optimizer.md), and what an erasure's verifiers ask (docs/erasure.md). Both look at
  # everything in the account and change nothing. No object's content is theirs to read; the verifiers search log lines
  # for what must be gone.
  allowed = {
    optimizer = [
      "cloudwatch:GetMetricData",
      "cloudwatch:ListMetrics",
      "ec2:DescribeInstances",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeVolumes",
      "rds:DescribeDBInstances",
      "rds:DescribeEvents",
    ]
    verifier = [
      "dynamodb:ListTables",
      "ec2:DescribeSnapshots",
      "elasticache:Describe*",
      "es:ListDomainNames",
      "kms:DescribeKey",
      "logs:Describe*",
      "logs:FilterLogEvents",
      "logs:ListTagsForResource",
      "rds:Describe*",
      "s3:GetBucket*",
      "s3:ListAllMyBuckets",
      "s3:ListBucket*",
      "tag:GetResources",
    ]
  }
  users = { optimizer = var.optimizer_user, verifier = var.verifier_user }
}

# Their access keys are made by hand and go to the portal's secrets: a key made here would be in the state.
resource "aws_iam_user" "this" {
  for_each = local.users

  name = each.value
  tags = { Name = each.value, Role = "reader" }
}

resource "aws_iam_user_policy" "this" {
  for_each = local.users

  name = "look"
  user = aws_iam_user.this[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Look", Effect = "Allow", Action = local.allowed[each.key], Resource = "*" },
      {
        Sid      = "NoContent"
        Effect   = "Deny"
        Action   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "kms:Decrypt", "s3:GetObject*", "secretsmanager:GetSecretValue"]
        Resource = "*"
      },
    ]
  })
}
