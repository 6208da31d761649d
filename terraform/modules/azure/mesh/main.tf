# A mesh over any list of Azure regions: `topology` makes relays of the regions, each region gets a network and the module `relay`, and the networks are joined. With `balancer`,
# each region gets a load balancer for its edges, and with `balancer.world` all of them one anycast address. Regions of other clouds in `regions` are their modules'.

locals {
  regions = { for name, region in var.regions : name => region if region.cloud == "azure" }
  groups  = { for name, group in module.topology.groups : name => group if group.cloud == "azure" }

  locations = { for name, region in local.regions : name => region.location }

  # Where the vaults are.
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

  resource_group = var.resource_group
  name           = var.name
  label          = var.balancer.label
  world          = var.balancer.world
  ports          = var.ports
  tags           = var.tags
  regions = {
    for name, region in local.regions : name => { location = region.location, zones = var.networks[name].zones, weight = region.weight } if region.edges > 0
  }
}

module "relay" {
  source   = "../relay"
  for_each = local.regions

  resource_group      = var.resource_group
  name                = var.name
  region              = each.key
  location            = each.value.location
  architecture        = var.architecture
  image               = lookup(var.images, each.key, null)
  image_version       = var.image_version
  ssh_key             = var.ssh_key
  groups              = { for name, group in local.groups : name => group if group.region == each.key }
  firewall            = module.topology.firewall
  ports               = var.ports
  package             = var.package
  secrets             = local.secrets
  vaults              = { for name, vault in azurerm_key_vault.relays : name => vault.id }
  disk_encryption_set = lookup(var.disk_encryption_sets, each.key, null)
  encryption_at_host  = var.encryption_at_host
  scaling             = var.scaling
  spot                = var.spot
  drain               = var.drain
  metrics             = var.metrics
  logs                = var.logs == null ? null : { rule = azurerm_monitor_data_collection_rule.logs[each.key].id }
  tags                = var.tags
  pools               = var.balancer == null ? {} : { edge = lookup(module.balancer[0].pools, each.key, []) }

  network = {
    id     = azurerm_virtual_network.region[each.key].id
    subnet = azurerm_subnet.relays[each.key].id
    zones  = var.networks[each.key].zones
  }

  zones = {
    public        = var.zone
    public_right  = try(azurerm_role_definition.names["public"].role_definition_resource_id, null)
    private       = var.cluster_domain == null ? null : azurerm_private_dns_zone.mesh[0].id
    private_right = try(azurerm_role_definition.names["private"].role_definition_resource_id, null)
    ttl           = 30
  }
}
