output "balancers" {
  description = "The load balancer of each region: its `address` and its `location`."
  value       = { for name, address in google_compute_address.edges : name => { address = address.address, location = var.regions[name].location } }
}

output "backends" {
  description = "Names of the backend services, `REGION-udp` and `REGION-tcp`: a label of the load balancers' metrics."
  value       = { for name, service in google_compute_region_backend_service.edges : name => service.name }
}
