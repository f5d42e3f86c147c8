# What an approved finding of the optimizer may change here, by the resource's name: nothing that is not listed.
locals {
  overridable = {
    (module.naming.names.log_group) = ["retention_in_days"]
    (module.naming.names.bucket)    = ["noncurrent_days"]
  }

  days = {
    logs    = try(tonumber(var.overrides[module.naming.names.log_group]["retention_in_days"]), var.log_retention_days)
    objects = try(tonumber(var.overrides[module.naming.names.bucket]["noncurrent_days"]), var.object_noncurrent_days)
  }
}
