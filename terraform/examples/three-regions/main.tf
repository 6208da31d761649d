# Three regions of AWS: two with roots, origins and regionals, and pools of edges in all three that grow with their viewers. Each region has a load balancer that follows QUIC
# connections by server id; DNS leads viewers to the nearest region that is ready.

locals {
  name = "moq"
}

module "mesh" {
  source = "../../modules/aws/mesh"

  name           = local.name
  domain         = var.domain
  zone           = var.zone
  cluster_domain = "mesh.${var.domain}"
  admin_networks = var.admin_networks
  package        = var.package
  balancer       = { quic = true }
  logs           = { days = 30, agent = var.agent }
  # Two of three machines that a pool adds are spot machines: they drain within the notice of two minutes.
  spot = 66

  regions = {
    eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 2, regionals = 2, edges = 2, max = { edge = 12 }, near = ["us", "ap"] }
    us = { cloud = "aws", location = "us-east-1", roots = 1, origins = 2, regionals = 2, edges = 2, max = { edge = 12 }, near = ["eu", "ap"] }
    ap = { cloud = "aws", location = "ap-southeast-1", regionals = 2, edges = 2, max = { edge = 6 }, near = ["us", "eu"] }
  }
  # Keeps the secrets; the other regions get copies.
  home = "eu"
  networks = {
    eu = { cidr = "10.64.0.0/16", zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
    us = { cidr = "10.65.0.0/16", zones = ["us-east-1a", "us-east-1b", "us-east-1c"] }
    ap = { cidr = "10.66.0.0/16", zones = ["ap-southeast-1a", "ap-southeast-1b"] }
  }
}

module "dns" {
  source = "../../modules/aws/dns"

  name         = local.name
  zone         = var.zone
  records      = module.mesh.records
  health_check = module.mesh.health_check
  balancers    = module.mesh.balancers
  accelerator  = module.mesh.accelerator
  routing      = "latency"
}

module "alerts" {
  source = "../../modules/aws/alerts"

  name      = local.name
  regions   = module.mesh.alarm_regions
  balancers = module.mesh.balancers
  runbooks  = var.runbooks
  webhooks  = var.webhooks
  # The roots keep their registries in memory.
  disabled = ["MoqmeshRegistryDown"]
}
