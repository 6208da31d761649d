# A mesh over any list of Google Cloud regions: `topology` makes relays of the regions, one network has a subnet in each region, and each region gets the module `relay`. With
# `balancer`, each region gets a load balancer for its edges. Regions of other clouds in `regions` are their modules'.

locals {
  regions = { for name, region in var.regions : name => region if region.cloud == "google" }
  groups  = { for name, group in module.topology.groups : name => group if group.cloud == "google" }
  relays  = { for name, group in local.groups : name => group if !group.pool }

  labels = merge(var.labels, { mesh = var.name })

  addresses = merge([for relay in module.relay : relay.addresses]...)

  # A custom role is of one project.
  names_right = try(split("/", var.zone)[1], var.project) == var.project ? google_project_iam_custom_role.names.id : "roles/dns.admin"
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

module "relay" {
  source   = "../relay"
  for_each = local.regions

  project      = var.project
  name         = var.name
  region       = each.key
  location     = each.value.location
  architecture = var.architecture
  image        = var.image
  groups       = { for name, group in local.groups : name => group if group.region == each.key }
  firewall     = module.topology.firewall
  ports        = var.ports
  package      = var.package
  secrets      = local.secrets
  disk_key     = lookup(var.disk_keys, each.key, null)
  scaling      = var.scaling
  spot         = var.spot
  spot_notice  = var.spot_notice
  metrics      = var.metrics
  logs         = var.logs
  labels       = var.labels

  network = {
    id         = google_compute_network.mesh.id
    subnetwork = google_compute_subnetwork.region[each.key].id
    zones      = var.networks[each.key].zones
  }

  zones = {
    public  = var.zone
    private = var.cluster_domain == null ? null : google_dns_managed_zone.mesh[0].id
    right   = local.names_right
    ttl     = 30
  }
}

module "balancer" {
  source = "../anycast"
  count  = var.balancer == null ? 0 : 1

  project = var.project
  name    = var.name
  ports   = var.ports
  labels  = var.labels
  logs    = var.balancer.logs
  regions = {
    for name, region in local.regions : name => {
      location        = region.location
      instance_groups = { for group_name, group in local.groups : group_name => module.relay[name].instance_groups[group_name] if group.region == name && group.role == "edge" }
    } if region.edges > 0
  }
}
