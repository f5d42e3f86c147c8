"""S3, IAM, KMS and CloudWatch Logs on one laptop's disk: a double for development and tests, never for production.

It speaks the wire protocols of AWS closely enough that unmodified boto3 and Terraform's S3 backend work against it,
and keeps everything under one directory: `index.sqlite` (WAL), `objects/` (encrypted content), `kms/` (key material).
Start it with `python -m portal.embedded.aws --root DIR --port N --region R`.
"""
