output "tags" {
  description = "The tags every resource carries."
  value       = module.tags.tags
}

output "network" {
  description = "The environment's network."
  value       = module.network.network
}

output "database" {
  description = "Where the database is, and the name of the secret that holds its password. Not the password."
  value = {
    address    = module.database.address
    port       = module.database.port
    database   = module.database.database
    secret_arn = module.database.secret_arn
  }
}

output "cache" {
  description = "Where the cache is, and what a region's entry says of it: the portal's user, the group of users, its name."
  value = {
    address     = module.cache.address
    port        = module.cache.port
    user        = module.cache.user
    name        = module.cache.name
    portal_user = module.cache.portal_user
    user_group  = module.cache.user_group
  }
}

output "alarm_topic_arn" {
  description = "The topic that alarms go to: other alarms of this environment may go there, too."
  value       = module.alarms.alarm_topic_arn
}

output "backups" {
  description = "The bucket of backups."
  value       = module.backups.bucket
}
