output "groups" {
  description = "Groups of machines by name, as `topology` has them."
  value       = local.groups
}

output "records" {
  description = "Records of the entrances, as `topology` has them: for the module `dns`."
  value       = module.topology.records
}

output "addresses" {
  description = "Addresses of the relays that keep their names, by their public host: for the module `dns`, and for zones of another cloud."
  value       = { for name, relay in local.relays : relay.host => local.addresses[name].public }
}

output "balancers" {
  description = "Address of the load balancer of each region, and its `location`. Empty without `balancer`."
  value       = var.balancer == null ? {} : module.balancer[0].balancers
}

output "health_check" {
  description = "What a health check asks, as `topology` has it."
  value       = module.topology.health_check
}

output "certificates" {
  description = "Names that the certificates must have, by group."
  value       = { for name, names in module.topology.certificates : name => names if contains(keys(local.groups), name) }
}

output "secrets" {
  description = "Secrets to fill, by file: the names of the secrets."
  value       = local.secret_names
}

output "tokens" {
  description = "The command that makes each secret, as `topology` has it."
  value       = module.topology.tokens
}

output "network" {
  description = "Id of the network."
  value       = google_compute_network.mesh.id
}

output "cidrs" {
  description = "The private network of each region."
  value       = module.network.cidrs
}
