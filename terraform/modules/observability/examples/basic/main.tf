terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "observability" {
  source = "../.."

  log_groups     = ["/example/dev/flow"]
  retention_days = 30
  alarm_topic    = "example"

  alarms = {
    "example-database-cpu" = {
      description = "The database is busy"
      namespace   = "AWS/RDS"
      metric      = "CPUUtilization"
      dimensions  = { DBInstanceIdentifier = "example" }
      threshold   = 80
    }
  }
}
