output "balancers" {
  description = "The load balancer of each region: `dns_name` and `zone_id` for an alias, `arn`, and `suffix` and `target_suffix`, the dimensions of its metrics."
  value = {
    for name, balancer in aws_lb.edges : name => {
      location      = var.regions[name].location
      dns_name      = balancer.dns_name
      zone_id       = balancer.zone_id
      arn           = balancer.arn
      suffix        = balancer.arn_suffix
      target_suffix = aws_lb_target_group.edges[name].arn_suffix
    }
  }
}

output "targets" {
  description = "Target groups at which the edges of each region register: `arn` and `quic`."
  value       = { for name, target in aws_lb_target_group.edges : name => [{ arn = target.arn, quic = var.quic }] }
}

output "accelerator" {
  description = "The anycast addresses: `dns_name` and `zone_id` for an alias, and `addresses`. Null without an accelerator."
  value = one([
    for accelerator in aws_globalaccelerator_accelerator.mesh : {
      dns_name  = accelerator.dns_name
      zone_id   = accelerator.hosted_zone_id
      addresses = flatten(accelerator.ip_sets[*].ip_addresses)
    }
  ])
}
