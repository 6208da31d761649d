output "names" {
  description = "Names of the entrances."
  value       = distinct([for record in var.records : record.host])
}

output "regional" {
  description = "For each region and entrance without a load balancer, the name that leads to its ready relays alone."
  value       = { for key, record in local.regional : key => record.name if record.balancer == null }
}

output "health_checks" {
  description = "Id of the health check of each relay, by its host."
  value       = { for host, check in aws_route53_health_check.relay : host => check.id }
}
