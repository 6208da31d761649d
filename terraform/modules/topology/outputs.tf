output "relays" {
  description = "Every relay by name: `region`, `role`, `cloud`, `location`, `size`, `host`, `server_id`."
  value       = local.relays
}

output "configs" {
  description = "The configuration file of each relay, by name. It has no secret: those are in files that it names."
  value       = local.configs
}

output "hosts" {
  description = "DNS names that each relay needs an address record for, by relay."
  value       = { for name, relay in local.relays : name => relay.host }
}

output "certificates" {
  description = "Names that the certificate of each relay must have, by relay: its own, and the entrances that lead to it."
  value = {
    for name, relay in local.relays : name => tolist(concat(
      [relay.host],
      [for entrance in values(local.entrances) : entrance.host if entrance.role == relay.role],
    ))
  }
}

output "records" {
  description = "Records of the entrances `watch` and `publish`: for each region with relays of the role its hosts, weight, and countries."
  value       = local.records
}

output "health_check" {
  description = "What a health check of a load balancer or of DNS asks, and the seconds it should take to notice."
  value = {
    protocol  = "http"
    port      = var.ports.health
    path      = "/health/ready"
    interval  = 10
    threshold = 2
  }
}

output "firewall" {
  description = "Rules for incoming traffic by role: `protocol`, `port`, `from` and `why`."
  value       = local.firewall_of_role
}

output "tokens" {
  description = "Secrets to be made: `cluster_key` once for the mesh, and the public halves that every relay verifies tokens with."
  value = {
    cluster_key = { file = "/etc/moqmesh/secrets/cluster.jwk", relays = sort(keys(local.relays)), command = "moqmesh token keygen --kid cluster --cluster --out cluster.jwk --public keys/" }
    admin_token = { file = "/etc/moqmesh/secrets/admin.token", relays = sort(keys(local.relays)), command = "openssl rand -hex 32" }
    registry    = var.registry == null ? null : { file = "/etc/moqmesh/secrets/registry.url", relays = sort([for name, relay in local.relays : name if relay.role == "root"]), url = var.registry }
  }
}

output "roots" {
  description = "URLs of the roots."
  value       = local.roots
}

output "by_region" {
  description = "Names of the relays by region and role."
  value = {
    for region in keys(var.regions) : region => {
      for role in keys(local.roles) : role => sort([for name, relay in local.relays : name if relay.region == region && relay.role == role])
    }
  }
}
