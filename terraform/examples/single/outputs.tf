output "entrances" {
  description = "Names for viewers and publishers."
  value       = module.dns.names
}

output "secrets" {
  description = "Secrets to fill, by file: `aws secretsmanager put-secret-value --secret-id NAME --secret-string file://FILE`."
  value       = module.mesh.secrets
}

output "certificates" {
  description = "Names that the certificate must have, by group of machines."
  value       = module.mesh.certificates
}

output "topics" {
  description = "Topics of SNS that alarms are sent to, by region."
  value       = module.alerts.topics
}
