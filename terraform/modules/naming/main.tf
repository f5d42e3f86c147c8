# The same names as lifecycle/stores/names.py; a test compares the two. The provider refuses any other.
# A bucket name carries the last digits of the id: the first ones are a clock, alike for tenants made together.
locals {
  hex = replace(var.tenant_id, "-", "")

  names = {
    role         = "t_${local.hex}"
    partition    = "chunk_vectors_${local.hex}"
    namespace    = local.hex
    bucket       = "rag-${var.name}-${substr(local.hex, 24, 8)}"
    iam_user     = "rag-${local.hex}"
    cache_user   = "t-${local.hex}"
    cache_prefix = "t:${local.hex}:"
    log_group    = "/rag/${var.region}/${var.tenant_id}"
    kms_alias    = "alias/rag-${local.hex}"
  }
}
