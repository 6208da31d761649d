output "balancers" {
  description = "The load balancer of each region: its `address`, the `host` that Azure gives it, and the `address_id` and the `location`."
  value = {
    for name, address in azurerm_public_ip.region : name => {
      address    = address.ip_address
      host       = address.fqdn
      address_id = address.id
      location   = var.regions[name].location
    }
  }
}

output "pools" {
  description = "Ids of the backend pools of the edges, by region."
  value       = { for name, pool in azurerm_lb_backend_address_pool.region : name => [pool.id] }
}

output "world" {
  description = "The global load balancer: its `address`, and the `host` that Azure gives it. Null without one."
  value       = one([for address in azurerm_public_ip.world : { address = address.ip_address, host = address.fqdn }])
}
