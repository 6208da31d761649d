# Regions become relays: names, sizes, configurations, DNS records, firewall rules and the secrets to be made. It has no provider and
# makes nothing, so that `tofu test` shows what a change of regions does; the modules of each cloud take its outputs.

locals {
  roles = {
    root     = "roots"
    origin   = "origins"
    regional = "regionals"
    edge     = "edges"
  }

  # A relay that a region does not size: what its role needs by docs/deploy/sizing.md.
  sizes = {
    aws = {
      arm64  = { root = "t4g.small", origin = "c7g.large", regional = "c7g.xlarge", edge = "c7gn.xlarge" }
      x86_64 = { root = "t3.small", origin = "c7i.large", regional = "c7i.xlarge", edge = "c6in.xlarge" }
    }
    google = {
      arm64  = { root = "t2a-standard-1", origin = "c4a-standard-2", regional = "c4a-standard-4", edge = "c4a-standard-4" }
      x86_64 = { root = "e2-small", origin = "c3-standard-4", regional = "c3-standard-4", edge = "c3-standard-4" }
    }
    azure = {
      arm64  = { root = "Standard_B2pts_v2", origin = "Standard_D2ps_v6", regional = "Standard_D4ps_v6", edge = "Standard_D4ps_v6" }
      x86_64 = { root = "Standard_B2ts_v2", origin = "Standard_D2s_v6", regional = "Standard_D4s_v6", edge = "Standard_D4s_v6" }
    }
    none = {
      arm64  = { root = null, origin = null, regional = null, edge = null }
      x86_64 = { root = null, origin = null, regional = null, edge = null }
    }
  }

  near = {
    for name, region in var.regions : name => region.near != null ? region.near : sort([for other in keys(var.regions) : other if other != name])
  }

  counts = {
    for region_name, region in var.regions : region_name => {
      root = region.roots, origin = region.origins, regional = region.regionals, edge = region.edges
    }
  }

  # A role with `max` in a region is a pool: its relays come and go, and each takes its name when it starts, with `@ID@` replaced.
  members = merge([
    for region_name, counts in local.counts : merge([
      for role, count in counts : {
        for id in contains(keys(var.regions[region_name].max), role) ? ["@ID@"] : [for index in range(count) : tostring(index + 1)] :
        "${var.name}-${region_name}-${role}-${id}" => {
          region   = region_name
          role     = role
          pool     = id == "@ID@"
          cloud    = var.regions[region_name].cloud
          location = var.regions[region_name].location
          size = try(
            coalesce(lookup(var.regions[region_name].sizes, role, null), var.regions[region_name].size),
            local.sizes[var.regions[region_name].cloud][var.architecture][role],
          )
          host         = "${var.name}-${region_name}-${role}-${id}.${var.domain}"
          cluster_host = "${var.name}-${region_name}-${role}-${id}.${local.cluster_domain}"
          # QUIC-LB server ids of eight bytes (AWS); a hash, so that relays keep theirs when others come and go.
          server_id = id == "@ID@" ? "0x@SERVER_ID@" : "0x${substr(sha256("${var.name}-${region_name}-${role}-${id}"), 0, 16)}"
        }
      }
    ]...)
  ]...)

  cluster_domain = coalesce(var.cluster_domain, var.domain)

  relays = { for name, member in local.members : name => member if !member.pool }

  roots = sort([for name, relay in local.relays : "https://${relay.cluster_host}:${var.ports.cluster}" if relay.role == "root"])

  admin_host = length(var.admin_networks) > 0 ? "::" : "127.0.0.1"

  # The configuration of each relay, by section, under the names of docs/config.md.
  settings = {
    for name, relay in local.members : name => {
      server = { host = "::", port = var.ports.public }
      tls    = { cert = "/etc/moqmesh/tls/fullchain.pem", key = "/etc/moqmesh/tls/privkey.pem" }
      auth   = { key_file = "/etc/moqmesh/secrets/keys.json", max_life = "24h" }
      http = {
        admin_host       = local.admin_host
        admin_port       = var.ports.admin
        admin_token_file = "/etc/moqmesh/secrets/admin.token"
        health_host      = "::"
        health_port      = var.ports.health
        page             = false
      }
      limits        = { sessions = var.limits.sessions, memory = var.limits.memory }
      log           = { format = "json" }
      drain         = { grace = "20s", spread = "10s" }
      cloud         = relay.cloud == "none" ? {} : { notices = relay.cloud }
      load_balancer = relay.role == "edge" && relay.cloud == "aws" ? { server_id = relay.server_id } : {}
      # The load balancers of Google Cloud and Azure choose by address. A client that one of them leads to another edge learns at once that it has to come again.
      quic = contains(local.edges_with_reset_key, name) ? { reset_key_file = "/etc/moqmesh/secrets/reset.key" } : {}
      cluster = merge(
        {
          node     = name
          role     = relay.role
          region   = relay.region
          regions  = local.near[relay.region]
          url      = "https://${relay.cluster_host}:${var.ports.cluster}"
          root     = local.roots
          key_file = "/etc/moqmesh/secrets/cluster.jwk"
          listen   = "[::]:${var.ports.cluster}"
        },
        length(var.cluster_networks) > 0 ? { allow = var.cluster_networks } : {},
        contains(["edge", "origin"], relay.role) ? { public_url = "https://${relay.host}:${var.ports.public}" } : {},
        relay.role == "root" && var.registry != null ? { registry_file = "/etc/moqmesh/secrets/registry.url" } : {},
        var.mutual_tls ? {
          client_ca   = "/etc/moqmesh/cluster/ca.pem"
          client_cert = "/etc/moqmesh/cluster/${name}.pem"
          client_key  = "/etc/moqmesh/cluster/${name}.key"
        } : {},
      )
    }
  }

  edges_with_reset_key = [for name, relay in local.members : name if relay.role == "edge" && contains(["google", "azure"], relay.cloud)]

  configs = {
    for name, sections in local.settings : name => join("\n", [
      for section, values in sections : join("\n", concat(
        ["[${section}]"],
        # TOML writes texts, numbers, booleans and lists of texts as JSON does.
        [for key, value in values : "${key} = ${jsonencode(value)}"],
        [""],
      )) if length(values) > 0
    ])
  }

  world = ["0.0.0.0/0", "::/0"]

  firewall_of_role = {
    for role in keys(local.roles) : role => concat(
      contains(["origin", "edge"], role) ? [
        { protocol = "udp", port = var.ports.public, from = local.world, why = "clients over QUIC" },
        { protocol = "tcp", port = var.ports.public, from = local.world, why = "clients over WebSocket, and the fingerprint" },
      ] : [],
      [
        { protocol = "udp", port = var.ports.cluster, from = length(var.cluster_networks) > 0 ? var.cluster_networks : local.world, why = "relays over QUIC" },
        { protocol = "tcp", port = var.ports.cluster, from = length(var.cluster_networks) > 0 ? var.cluster_networks : local.world, why = "relays over WebSocket" },
        { protocol = "tcp", port = var.ports.health, from = local.world, why = "health checks, which answer 200 or 503 and nothing else" },
      ],
      length(var.admin_networks) > 0 ? [
        { protocol = "tcp", port = var.ports.admin, from = var.admin_networks, why = "operators and Prometheus" },
      ] : [],
    )
  }

  entrances = {
    watch   = { role = "edge", host = "watch.${var.domain}" }
    publish = { role = "origin", host = "publish.${var.domain}" }
  }

  records = flatten([
    for entrance, at in local.entrances : [
      for name, region in var.regions : {
        entrance  = entrance
        host      = at.host
        region    = name
        location  = region.location
        weight    = region.weight
        countries = region.countries
        targets   = sort([for relay in values(local.relays) : relay.host if relay.region == name && relay.role == at.role])
        pool      = contains(keys(region.max), at.role)
      } if region.weight > 0 && local.counts[name][at.role] > 0
    ]
  ])

  # What a cloud runs as one group of machines: a relay that keeps its name, or a pool.
  groups = {
    for name, member in local.members : trimsuffix(name, "-@ID@") => merge(member, {
      name   = name
      min    = member.pool ? local.counts[member.region][member.role] : 1
      max    = member.pool ? var.regions[member.region].max[member.role] : 1
      config = local.configs[name]
      secrets = concat(
        ["tls/fullchain.pem", "tls/privkey.pem", "secrets/cluster.jwk", "secrets/keys.json", "secrets/admin.token"],
        member.role == "root" && var.registry != null ? ["secrets/registry.url"] : [],
        contains(local.edges_with_reset_key, name) ? ["secrets/reset.key"] : [],
        var.mutual_tls ? ["cluster/ca.pem", "cluster/${name}.pem", "cluster/${name}.key"] : [],
      )
    })
  }
}
