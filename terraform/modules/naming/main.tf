# The same names as lifecycle/stores/names.py; a test compares the two. The provider refuses any other.
# Bucket and IAM user are names of a whole AWS: every set of a tenant but its first bears its region in them.
# A bucket name carries the last digits of the id: the first ones are a clock, alike for tenants made together.
locals {
  hex = replace(var.tenant_id, "-", "")
  set = var.bears_region ? "-${var.region}" : ""

  names = {
    role         = "t_${local.hex}"
    partition    = "chunk_vectors_${local.hex}"
    namespace    = local.hex
    bucket       = "rag-${var.name}-${substr(local.hex, 24, 8)}${local.set}"
    iam_user     = "rag-${local.hex}${local.set}"
    cache_user   = "t-${local.hex}"
    cache_prefix = "t:${local.hex}:"
    log_group    = "/rag/${var.region}/${var.tenant_id}"
    kms_alias    = "alias/rag-${local.hex}"
  }
}
