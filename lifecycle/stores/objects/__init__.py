"""Objects: S3 buckets, the IAM user that may reach them, and the KMS key that encrypts them."""
