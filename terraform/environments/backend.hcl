# terraform init -backend-config=../../environments/backend.hcl
bucket               = "bailiwick-state-123456789012"
region               = "ap-south-1"
kms_key_id           = "arn:aws:kms:ap-south-1:123456789012:key/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
workspace_key_prefix = "environments"
encrypt              = true
use_lockfile         = true
