resource "aws_cloudwatch_log_group" "this" {
  for_each = var.log_groups

  name              = each.key
  retention_in_days = var.retention_days
  kms_key_id        = var.kms_key_arn
  skip_destroy      = false
  tags              = { Name = each.key, Role = var.role }
}

resource "aws_sns_topic" "alarms" {
  count = var.alarm_topic == "" ? 0 : 1

  name              = var.alarm_topic
  kms_master_key_id = var.kms_key_arn
  tags              = { Name = var.alarm_topic, Role = "alarms" }
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscribers

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = each.value.protocol
  endpoint  = each.value.endpoint
}

# A metric that stops coming is a reason to look, too.
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarms

  alarm_name          = each.key
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = each.value.periods
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms[0].arn]
  ok_actions          = [aws_sns_topic.alarms[0].arn]
  tags                = { Name = each.key, Role = "alarms" }
}
