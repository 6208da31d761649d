output "groups" {
  description = "Groups of machines by name, as `topology` has them, with `scaling_group`: the value of `AutoScalingGroupName` of their metrics."
  value       = { for name, group in local.groups : name => merge(group, { scaling_group = name }) }
}

output "records" {
  description = "Records of the entrances, as `topology` has them: for the module `dns`."
  value       = module.topology.records
  # An alias needs the records of the relays.
  depends_on = [module.relay]
}

output "hosts" {
  description = "Names of the relays that keep theirs. With `zone`, the records are made here, and the machines write their addresses there."
  value       = module.topology.hosts
}

output "alarm_regions" {
  description = "The regions of AWS for the module `alerts`: `location`, and how many `machines` run there at least."
  value = {
    for name, region in local.regions : name => {
      location = region.location
      machines = sum([for group in values(local.groups) : group.min if group.region == name])
    }
  }
}

output "health_check" {
  description = "What a health check asks, as `topology` has it."
  value       = module.topology.health_check
}

output "certificates" {
  description = "Names that the certificates must have, by group."
  value       = module.topology.certificates
}

output "balancers" {
  description = "The load balancer of each region: `dns_name` and `zone_id` for an alias, `arn` and `suffix` for alarms. Empty without `balancer`."
  value       = var.balancer == null ? {} : module.balancer[0].balancers
}

output "accelerator" {
  description = "The anycast addresses: `dns_name`, `zone_id`, `addresses`. Null without an accelerator."
  value       = var.balancer == null ? null : module.balancer[0].accelerator
}

output "secrets" {
  description = "Secrets to fill, by file: their names, and the command that makes their value where there is one."
  value       = { for file in local.secret_files : file => aws_secretsmanager_secret.relay[file].name }
}

output "vpcs" {
  description = "Id of the network of each region."
  value       = { for name, vpc in aws_vpc.region : name => vpc.id }
}

output "private_zone" {
  description = "Id of the private zone in which relays find each other. Null without `cluster_domain`."
  value       = var.cluster_domain == null ? null : aws_route53_zone.mesh[0].zone_id
}

output "log_groups" {
  description = "Log group of the relays by region."
  value       = { for name, relay in module.relay : name => relay.log_group }
}

output "user_data_sizes" {
  description = "Bytes of the user data of each group's machines. AWS takes 16384."
  value       = merge([for relay in module.relay : relay.user_data_sizes]...)
}
