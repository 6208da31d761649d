# The private network: one network of Google spans all regions, so nothing has to be joined.

resource "google_compute_network" "mesh" {
  # checkov:skip=CKV2_GCP_18: the module relay has the firewall rules, by role
  project                         = var.project
  name                            = var.name
  description                     = "moqmesh ${var.name}"
  auto_create_subnetworks         = false
  delete_default_routes_on_create = false
  routing_mode                    = "GLOBAL"
  # A packet of QUIC fits in with room to spare.
  mtu = 1460
}

resource "google_compute_subnetwork" "region" {
  for_each = local.regions

  project                  = var.project
  name                     = "${var.name}-${each.key}"
  description              = "moqmesh ${var.name}: relays in ${each.value.location}"
  region                   = each.value.location
  network                  = google_compute_network.mesh.id
  ip_cidr_range            = module.network.cidrs[each.key]
  stack_type               = "IPV4_ONLY"
  private_ip_google_access = true

  dynamic "log_config" {
    for_each = var.flow_logs ? ["on"] : []
    content {
      aggregation_interval = "INTERVAL_1_MIN"
      flow_sampling        = 0.01
      metadata             = "EXCLUDE_ALL_METADATA"
    }
  }
}

# Names at which relays dial each other, with private addresses.
resource "google_dns_managed_zone" "mesh" {
  count = var.cluster_domain == null ? 0 : 1

  project       = var.project
  name          = "${var.name}-mesh"
  dns_name      = "${var.cluster_domain}."
  description   = "moqmesh ${var.name}: relays among themselves"
  visibility    = "private"
  force_destroy = true
  labels        = local.labels

  private_visibility_config {
    networks {
      network_url = google_compute_network.mesh.id
    }
  }
}

# What a machine of a pool may do in the zones.
resource "google_project_iam_custom_role" "names" {
  project     = var.project
  role_id     = "moqmesh_${replace(var.name, "-", "_")}_names"
  title       = "moqmesh ${var.name}: names of relays"
  description = "Records of DNS, in the zones in which it is granted"
  permissions = [
    "dns.changes.create",
    "dns.resourceRecordSets.create",
    "dns.resourceRecordSets.delete",
    "dns.resourceRecordSets.get",
    "dns.resourceRecordSets.list",
    "dns.resourceRecordSets.update",
  ]
}

# Relays that keep their names keep their addresses. Machines of pools write their own.
resource "google_dns_record_set" "public" {
  for_each = var.zone == null ? {} : local.relays

  project      = split("/", var.zone)[1]
  managed_zone = split("/", var.zone)[3]
  name         = "${each.value.host}."
  type         = "A"
  ttl          = 300
  rrdatas      = [local.addresses[each.key].public]
}

resource "google_dns_record_set" "private" {
  for_each = var.cluster_domain == null ? {} : local.relays

  project      = var.project
  managed_zone = google_dns_managed_zone.mesh[0].name
  name         = "${each.value.cluster_host}."
  type         = "A"
  ttl          = 300
  rrdatas      = [local.addresses[each.key].private]
}
