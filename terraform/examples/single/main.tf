# One region of AWS: a root, an origin and two edges, each a machine that keeps its name. DNS leads viewers to the edges that are ready, in turns.

module "mesh" {
  source = "../../modules/aws/mesh"

  domain = var.domain
  zone   = var.zone
  regions = {
    eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 1, edges = 2 }
  }
  networks = {
    eu = { zones = ["eu-central-1a", "eu-central-1b"] }
  }
  # Relays dial each other by names of the private network.
  cluster_domain = "mesh.${var.domain}"
  package        = var.package
}

module "dns" {
  source = "../../modules/aws/dns"

  name         = "moq"
  zone         = var.zone
  records      = module.mesh.records
  health_check = module.mesh.health_check
  routing      = "weighted"
}

module "alerts" {
  source = "../../modules/aws/alerts"

  name     = "moq"
  regions  = module.mesh.alarm_regions
  runbooks = var.runbooks
  # One root keeps its registry in memory.
  disabled = ["MoqmeshRegistryDown"]
}
