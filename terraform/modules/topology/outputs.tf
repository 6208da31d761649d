output "relays" {
  description = "Every relay that keeps its name: `region`, `role`, `cloud`, `location`, `size`, `host`, `cluster_host`, `server_id`. Pools are in `groups`."
  value       = local.relays
}

output "configs" {
  description = "The configuration file of each relay, by name. It has no secret: those are in files that it names."
  value       = { for name in keys(local.relays) : name => local.configs[name] }
}

output "groups" {
  description = <<-EOT
    What a cloud runs as one group of machines, by name: a relay that keeps its name (`min` and `max` are 1), or a pool whose relays come and go. It has what `relays`
    has, `pool`, `min`, `max`, `config`, and `secrets`: files and folders below `/etc/moqmesh` that hold a secret or a key. In a pool, the machine replaces
    `@ID@` by its own id and `@SERVER_ID@` by 16 hexadecimal digits.
  EOT
  value       = local.groups
}

output "hosts" {
  description = "DNS names that each relay needs an address record for, by relay."
  value       = { for name, relay in local.relays : name => relay.host }
}

output "certificates" {
  description = "Names that the certificate of each group of machines must have: of its relays (any, in a pool), and of the entrance that leads to it."
  value = {
    for name, group in local.groups : name => distinct(concat(
      group.pool ? ["*.${var.domain}", "*.${local.cluster_domain}"] : [group.host, group.cluster_host],
      [for entrance in values(local.entrances) : entrance.host if entrance.role == group.role],
    ))
  }
}

output "records" {
  description = "Records of the entrances `watch` and `publish`: for each region with relays of the role its hosts (`targets`; none for a pool), weight, and countries."
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
  description = "Secrets to be made: `cluster_key` once for the mesh, and the public halves in `keys`, a JWK set that every relay verifies tokens with."
  value = {
    keys        = { file = "/etc/moqmesh/secrets/keys.json", relays = sort(keys(local.groups)), command = "jq --slurp '{keys: .}' keys/*.jwk > keys.json" }
    cluster_key = { file = "/etc/moqmesh/secrets/cluster.jwk", relays = sort(keys(local.groups)), command = "moqmesh token keygen --kid cluster --cluster --out cluster.jwk --public keys/" }
    admin_token = { file = "/etc/moqmesh/secrets/admin.token", relays = sort(keys(local.groups)), command = "openssl rand -hex 32" }
    reset_key = length(local.edges_with_reset_key) == 0 ? null : {
      file    = "/etc/moqmesh/secrets/reset.key"
      relays  = sort([for name in local.edges_with_reset_key : trimsuffix(name, "-@ID@")])
      command = "openssl rand -hex 32"
    }
    mutual_tls = !var.mutual_tls ? null : {
      file    = "/etc/moqmesh/cluster/"
      relays  = sort(keys(local.groups))
      command = "docs/deploy/two-clouds.md has the commands: an authority for the mesh, and for each relay a certificate with its name"
    }
    registry = var.registry == null ? null : { file = "/etc/moqmesh/secrets/registry.url", relays = sort([for name, relay in local.relays : name if relay.role == "root"]), url = var.registry }
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
