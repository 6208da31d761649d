# Rights of the machines by role: their own secrets, metrics and logs, and in a pool records of DNS. Nothing else.

locals {
  secret_rights = merge([
    for role, files in local.files : { for file in files : "${role}/${file}" => { role = role, secret = var.secrets[file] } }
  ]...)

  # Roles with a pool, whose machines write their own records.
  pool_roles = toset([for group in values(local.pools) : group.role])

  zone_rights = merge([
    for role in local.pool_roles : {
      for zone in compact([var.zones.public, var.zones.private]) : "${role}/${zone}" => { role = role, zone = zone }
    }
  ]...)

  project_roles = { for pair in setproduct(local.roles, ["roles/logging.logWriter", "roles/monitoring.metricWriter"]) : join("/", pair) => { role = pair[0], right = pair[1] } }
}

# The id of a service account has at most 30 characters, so it does not name the region.
resource "google_service_account" "relay" {
  for_each = local.roles

  project      = var.project
  account_id   = "${each.key}-${substr(sha256("${var.name}/${var.region}"), 0, 12)}"
  display_name = "moqmesh ${var.name}: ${each.key} in ${var.region}"
  description  = "Machines of relays with the role ${each.key} in the region ${var.region}"
}

resource "google_secret_manager_secret_iam_member" "relay" {
  for_each = local.secret_rights

  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.relay[each.value.role].member
}

resource "google_project_iam_member" "relay" {
  for_each = local.project_roles

  project = var.project
  role    = each.value.right
  member  = google_service_account.relay[each.value.role].member
}

# Cloud DNS has no rights for single names: a machine of a pool may write every record of the zones. Give the mesh zones of its own.
resource "google_dns_managed_zone_iam_member" "relay" {
  for_each = local.zone_rights

  project      = split("/", each.value.zone)[1]
  managed_zone = split("/", each.value.zone)[3]
  role         = var.zones.right
  member       = google_service_account.relay[each.value.role].member
}
