output "groups" {
  description = "Groups of machines by name, as `topology` has them."
  value       = local.groups
}

output "records" {
  description = "Records of the entrances, as `topology` has them: for the module `dns`."
  value       = module.topology.records
}

output "hosts" {
  description = "Names of the relays that keep theirs; the machines write their addresses."
  value       = module.topology.hosts
}

output "balancers" {
  description = "The load balancer of each region: `address`, `host`, `address_id`, `location`. Empty without `balancer`."
  value       = var.balancer == null ? {} : module.balancer[0].balancers
}

output "world" {
  description = "The anycast address: `address` and `host`. Null without `balancer.world`."
  value       = var.balancer == null ? null : module.balancer[0].world
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
  description = "Secrets to fill, by file: the URL of each."
  value       = { for file, secret in local.secrets : file => secret.url }
}

output "tokens" {
  description = "The command that makes each secret, as `topology` has it."
  value       = module.topology.tokens
}

output "networks" {
  description = "Id of the network of each region: for the module `alerts`."
  value       = { for name, network in azurerm_virtual_network.region : name => network.id }
}

output "cidrs" {
  description = "The private network of each region."
  value       = module.network.cidrs
}
