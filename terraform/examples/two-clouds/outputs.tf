output "entrances" {
  description = "Names for viewers and publishers."
  value       = module.dns.names
}

output "certificates" {
  description = "Names that the certificates must have, by group of machines."
  value       = merge(module.aws.certificates, module.google.certificates)
}

output "secrets" {
  description = "Secrets to fill, by file: `aws` by `aws secretsmanager put-secret-value --secret-id NAME --secret-string file://FILE`, `google` by `gcloud secrets versions add NAME --data-file FILE`. Those of both clouds that are no certificate have the same value."
  value       = { aws = module.aws.secrets, google = module.google.secrets }
}
