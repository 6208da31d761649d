# A mesh over any list of AWS regions: `topology` makes relays of the regions, each region gets a network and the module `relay`, and the networks are joined. With
# `balancer`, each region gets a load balancer for QUIC, and with `accelerator` all of them one anycast address. Regions of other clouds in `regions` are their modules'.

locals {
  regions = { for name, region in var.regions : name => region if region.cloud == "aws" }
  groups  = { for name, group in module.topology.groups : name => group if group.cloud == "aws" }

  # Where the secrets are kept and the private zone begins.
  home = coalesce(var.home, sort(keys(local.regions))[0])

  tags = merge(var.tags, { mesh = var.name })
}

module "network" {
  source  = "../../network"
  regions = { for name in keys(local.regions) : name => var.networks[name] }
  space   = var.space
}

module "topology" {
  source           = "../../topology"
  name             = var.name
  domain           = var.domain
  cluster_domain   = var.cluster_domain
  regions          = var.regions
  architecture     = var.architecture
  admin_networks   = var.admin_networks
  cluster_networks = concat(values(module.network.cidrs), var.cluster_networks)
  ports            = var.ports
  limits           = var.limits
  registry         = var.registry
  mutual_tls       = var.mutual_tls
}

module "balancer" {
  source = "../anycast"
  count  = var.balancer == null ? 0 : 1

  name                = var.name
  accelerator         = var.balancer.accelerator
  quic                = var.balancer.quic
  deletion_protection = var.balancer.deletion_protection
  access_logs         = var.balancer.access_logs
  ports               = var.ports
  tags                = var.tags
  regions = {
    for name, region in local.regions : name => {
      location = region.location
      vpc      = aws_vpc.region[name].id
      subnets  = [for key, subnet in module.network.subnets : aws_subnet.relays[key].id if subnet.region == name]
      weight   = region.weight
    } if region.edges > 0
  }
}

module "relay" {
  source   = "../relay"
  for_each = local.regions

  name         = var.name
  region       = each.key
  location     = each.value.location
  architecture = var.architecture
  image        = lookup(var.images, each.key, null)
  groups       = { for name, group in local.groups : name => group if group.region == each.key }
  firewall     = module.topology.firewall
  ports        = var.ports
  package      = var.package
  secrets      = local.secrets[each.key]
  secrets_key  = try(var.keys[each.key].secrets, null)
  disk_key     = try(var.keys[each.key].disks, null)
  scaling      = var.scaling
  spot         = var.spot
  drain        = var.drain
  metrics      = var.metrics
  logs         = var.logs
  tags         = var.tags
  targets      = var.balancer == null ? {} : { edge = lookup(module.balancer[0].targets, each.key, []) }
  zones = {
    public  = var.zone
    private = var.cluster_domain == null ? null : aws_route53_zone.mesh[0].zone_id
    ttl     = 30
  }
  vpc = {
    id      = aws_vpc.region[each.key].id
    subnets = [for key, subnet in module.network.subnets : aws_subnet.relays[key].id if subnet.region == each.key]
  }
}
