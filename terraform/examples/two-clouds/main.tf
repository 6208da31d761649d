# One mesh over two clouds: Europe on AWS and America on Google Cloud, each with a root, an origin and edges. The clouds share no private network, so relays of one dial those of
# the other over the internet, with tokens and with certificates that both sides ask for (mutual TLS). DNS is in Route 53, which checks the relays of both.

locals {
  name = "moq"

  # Both clouds get the same regions, and so the same names, roots and neighbours; each makes its own machines.
  regions = {
    eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 1, regionals = 1, edges = 2, near = ["us"], countries = ["continent:EU", "continent:AF", "continent:AS"] }
    us = { cloud = "google", location = "us-east4", roots = 1, origins = 1, regionals = 1, edges = 2, near = ["eu"], countries = ["continent:NA", "continent:SA", "continent:OC"] }
  }

  # The addresses of the machines of AWS change, so that the firewalls can name no networks of the other side.
  internet = ["0.0.0.0/0", "::/0"]
}

module "aws" {
  source = "../../modules/aws/mesh"

  name             = local.name
  domain           = var.domain
  zone             = var.zone
  regions          = local.regions
  networks         = { eu = { zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] } }
  cluster_networks = local.internet
  admin_networks   = var.admin_networks
  mutual_tls       = true
  package          = var.package
}

module "google" {
  source = "../../modules/google/mesh"

  project          = var.project
  name             = local.name
  domain           = var.domain
  regions          = local.regions
  networks         = { us = { zones = ["us-east4-a", "us-east4-b", "us-east4-c"] } }
  cluster_networks = local.internet
  admin_networks   = var.admin_networks
  mutual_tls       = true
  package          = var.package
}

# The machines of AWS write their own names into the zone; those of Google Cloud keep their addresses, which are written here.
module "dns" {
  source = "../../modules/aws/dns"

  name         = local.name
  zone         = var.zone
  records      = module.aws.records
  health_check = module.aws.health_check
  addresses    = { for host, address in module.google.addresses : host => { ipv4 = address } }
  routing      = "latency"
  nearest      = { us = "us-east-1" }
}

module "google_alerts" {
  source = "../../modules/google/alerts"

  project  = var.project
  name     = local.name
  groups   = module.google.groups
  channels = var.channels
  runbooks = var.runbooks
  # The roots keep their registries in memory.
  disabled = ["MoqmeshRegistryDown"]
}

module "aws_alerts" {
  source = "../../modules/aws/alerts"

  name     = local.name
  regions  = module.aws.alarm_regions
  runbooks = var.runbooks
  webhooks = var.webhooks
  disabled = ["MoqmeshRegistryDown"]
}
