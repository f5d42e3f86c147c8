environment = "prod"
account_id  = "123456789012"
region      = "ap-south-1"
cost_center = "CC-1042"
owner       = "platform-team"
log_bucket  = "bailiwick-access-logs-123456789012"
tier        = "gold"
compliance  = ["dpdp", "gdpr"]
alarm_subscribers = {
  duty = { protocol = "https", endpoint = "https://pager.example/hooks/bailiwick" }
}
