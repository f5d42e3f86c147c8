output "log_groups" {
  description = "The ARN of each log group by name."
  value       = { for name, one in aws_cloudwatch_log_group.this : name => one.arn }
}

output "alarm_topic_arn" {
  description = "The topic that alarms go to, or null."
  value       = one(aws_sns_topic.alarms[*].arn)
}
