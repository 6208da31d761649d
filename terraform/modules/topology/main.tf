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

  relays = merge([
    for region_name, region in var.regions : merge([
      for role, count in { root = region.roots, origin = region.origins, regional = region.regionals, edge = region.edges } : {
        for index in range(count) : "${var.name}-${region_name}-${role}-${index + 1}" => {
          region   = region_name
          role     = role
          index    = index + 1
          cloud    = region.cloud
          location = region.location
          size     = try(coalesce(lookup(region.sizes, role, null), region.size), local.sizes[region.cloud][var.architecture][role])
          host     = "${var.name}-${region_name}-${role}-${index + 1}.${var.domain}"
          # QUIC-LB server ids of eight bytes (AWS); a hash, so that relays keep theirs when others come and go.
          server_id = "0x${substr(sha256("${var.name}-${region_name}-${role}-${index + 1}"), 0, 16)}"
        }
      }
    ]...)
  ]...)

  roots = sort([for name, relay in local.relays : "https://${relay.host}:${var.ports.cluster}" if relay.role == "root"])

  admin_host = length(var.admin_networks) > 0 ? "::" : "127.0.0.1"

  # The configuration of each relay, by section, under the names of docs/config.md.
  settings = {
    for name, relay in local.relays : name => {
      server = { host = "::", port = var.ports.public }
      tls    = { cert = "/etc/moqmesh/tls/fullchain.pem", key = "/etc/moqmesh/tls/privkey.pem" }
      auth   = { key_dir = "/etc/moqmesh/keys", max_life = "24h" }
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
      load_balancer = relay.role == "edge" && relay.cloud == "aws" ? { server_id = relay.server_id } : {}
      cluster = merge(
        {
          node     = name
          role     = relay.role
          region   = relay.region
          regions  = local.near[relay.region]
          url      = "https://${relay.host}:${var.ports.cluster}"
          root     = local.roots
          key_file = "/etc/moqmesh/secrets/cluster.jwk"
          listen   = "[::]:${var.ports.cluster}"
        },
        length(var.cluster_networks) > 0 ? { allow = var.cluster_networks } : {},
        contains(["edge", "origin"], relay.role) ? { public_url = "https://${relay.host}:${var.ports.public}" } : {},
        relay.role == "root" && var.registry != null ? { registry_file = "/etc/moqmesh/secrets/registry.url" } : {},
      )
    }
  }

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
        } if region.weight > 0 && length([
          for relay in values(local.relays) : relay if relay.region == name && relay.role == at.role
      ]) > 0
    ]
  ])
}
