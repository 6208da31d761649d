# Relays of one region of Google Cloud: for each group of `topology` an instance template and a regional managed instance group, with firewall rules and rights by role. A relay
# that keeps its name is a group of one machine with addresses of its own, which Google replaces when it fails; a pool grows and shrinks with its egress and sessions.

locals {
  roles = toset([for group in values(var.groups) : group.role])
  pools = { for name, group in var.groups : name => group if group.pool }
  named = { for name, group in var.groups : name => group if !group.pool }

  # Files with secrets by role.
  files = { for role in local.roles : role => distinct(flatten([for group in values(var.groups) : group.secrets if group.role == role])) }

  # Machines of the series c4 and newer take disks of the kind hyperdisk alone.
  disk = { for name, group in var.groups : name => can(regex("^(c4|n4|x4|c5|n5)", group.size)) ? "hyperdisk-balanced" : "pd-balanced" }

  image = var.image != null ? var.image : data.google_compute_image.debian[0].self_link

  labels = merge(var.labels, { mesh = var.name, region = var.region })
}

data "google_compute_image" "debian" {
  count   = var.image == null ? 1 : 0
  project = "debian-cloud"
  family  = var.architecture == "arm64" ? "debian-13-arm64" : "debian-13"
}

module "alarms" {
  source = "../../alarms"
}

module "machine" {
  source   = "../../machine"
  for_each = var.groups

  cloud         = "google"
  mesh          = var.name
  group         = each.value
  scaling_group = each.key
  package       = var.package
  secrets       = { for file in each.value.secrets : file => var.secrets[file] }
  # A relay that keeps its name has records that Terraform writes.
  zones   = each.value.pool ? { public = var.zones.public, private = var.zones.private, ttl = var.zones.ttl } : {}
  ports   = var.ports
  metrics = { namespace = var.metrics, measures = module.alarms.measures }
  logs    = { agent = var.logs.agent }
}

# Addresses of relays that keep their names: they stay when the machine is replaced.
resource "google_compute_address" "public" {
  for_each = local.named

  project      = var.project
  region       = var.location
  name         = "${each.key}-public"
  description  = "moqmesh: ${each.value.host}"
  address_type = "EXTERNAL"
  network_tier = "PREMIUM"
  labels       = local.labels
}

resource "google_compute_address" "private" {
  for_each = local.named

  project      = var.project
  region       = var.location
  name         = "${each.key}-private"
  description  = "moqmesh: ${each.value.cluster_host}"
  address_type = "INTERNAL"
  subnetwork   = var.network.subnetwork
  labels       = local.labels
}

resource "google_compute_region_instance_template" "relay" {
  for_each = var.groups

  project              = var.project
  region               = var.location
  name_prefix          = "${each.key}-"
  description          = "moqmesh ${each.value.role} in ${var.location}"
  instance_description = "moqmesh ${each.value.role} in ${var.location}"
  machine_type         = each.value.size
  can_ip_forward       = false
  labels               = merge(local.labels, { role = each.value.role })

  metadata = {
    startup-script         = module.machine[each.key].startup_script
    block-project-ssh-keys = "true"
    enable-oslogin         = "TRUE"
    serial-port-enable     = "FALSE"
  }

  disk {
    boot         = true
    auto_delete  = true
    source_image = local.image
    disk_type    = local.disk[each.key]
    disk_size_gb = 16
    labels       = merge(local.labels, { role = each.value.role })

    dynamic "disk_encryption_key" {
      for_each = compact([var.disk_key])
      content {
        kms_key_self_link = disk_encryption_key.value
      }
    }
  }

  # Clients reach the machine itself: QUIC cannot pass Cloud NAT from outside.
  network_interface {
    subnetwork = var.network.subnetwork
    stack_type = "IPV4_ONLY"
    nic_type   = "GVNIC"
    network_ip = each.value.pool ? null : google_compute_address.private[each.key].address

    access_config {
      nat_ip       = each.value.pool ? null : google_compute_address.public[each.key].address
      network_tier = "PREMIUM"
    }
  }

  service_account {
    email = google_service_account.relay[each.value.role].email
    # The rights are those of IAM.
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
  }

  shielded_instance_config {
    # Machines of the series t2a cannot.
    enable_secure_boot          = !startswith(each.value.size, "t2a-")
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  scheduling {
    provisioning_model          = each.value.pool && var.spot ? "SPOT" : "STANDARD"
    preemptible                 = each.value.pool && var.spot
    automatic_restart           = !(each.value.pool && var.spot)
    on_host_maintenance         = each.value.pool && var.spot ? "TERMINATE" : "MIGRATE"
    instance_termination_action = each.value.pool && var.spot ? "DELETE" : null

    dynamic "preemption_notice_duration" {
      for_each = each.value.pool && var.spot && var.spot_notice != null ? [var.spot_notice] : []
      content {
        seconds = preemption_notice_duration.value
      }
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Google replaces a machine whose relay is not live. A relay that is live and not ready drains, or waits for a root: another machine would not help.
resource "google_compute_health_check" "live" {
  project             = var.project
  name                = "${var.name}-${var.region}-live"
  description         = "moqmesh: relays that need a new machine"
  check_interval_sec  = 10
  timeout_sec         = 5
  healthy_threshold   = 1
  unhealthy_threshold = 6

  http_health_check {
    port         = var.ports.health
    request_path = "/health/live"
  }

  log_config {
    enable = true
  }
}

resource "google_compute_region_instance_group_manager" "relay" {
  for_each = var.groups

  project                          = var.project
  region                           = var.location
  name                             = each.key
  base_instance_name               = each.key
  description                      = "moqmesh ${each.value.role} in ${var.location}"
  distribution_policy_zones        = var.network.zones
  distribution_policy_target_shape = each.value.pool ? "EVEN" : "ANY"
  # The autoscaler of a pool sets it.
  target_size = each.value.pool ? null : 1
  # Machines wait for their secrets as long as it takes.
  wait_for_instances = false

  version {
    instance_template = google_compute_region_instance_template.relay[each.key].self_link
  }

  auto_healing_policies {
    health_check      = google_compute_health_check.live.id
    initial_delay_sec = var.patience
  }

  # A new template rolls: a pool starts new machines first; a relay that keeps its name and addresses is replaced. The bounds are a multiple of the zones.
  update_policy {
    type                           = "PROACTIVE"
    minimal_action                 = "REPLACE"
    most_disruptive_allowed_action = "REPLACE"
    replacement_method             = each.value.pool ? "SUBSTITUTE" : "RECREATE"
    instance_redistribution_type   = "NONE"
    max_surge_fixed                = each.value.pool ? length(var.network.zones) : 0
    max_unavailable_fixed          = each.value.pool ? 0 : length(var.network.zones)
  }

  instance_lifecycle_policy {
    default_action_on_failure = "REPAIR"
    # A repaired machine has the newest template.
    force_update_on_repair = "YES"
  }

  depends_on = [google_secret_manager_secret_iam_member.relay]
}

resource "google_compute_region_autoscaler" "pool" {
  for_each = local.pools

  project     = var.project
  region      = var.location
  name        = each.key
  description = "moqmesh: by egress and sessions"
  target      = google_compute_region_instance_group_manager.relay[each.key].id

  autoscaling_policy {
    mode            = "ON"
    min_replicas    = each.value.min
    max_replicas    = each.value.max
    cooldown_period = var.scaling.warmup

    # What a machine sends, in bytes a second.
    metric {
      name   = "compute.googleapis.com/instance/network/sent_bytes_count"
      type   = "DELTA_PER_SECOND"
      target = var.scaling.egress / 8
    }

    metric {
      name   = "custom.googleapis.com/${var.metrics}/sessions"
      type   = "GAUGE"
      target = var.scaling.sessions
    }

    # A machine that ends moves its viewers: one at a time, ten minutes apart.
    scale_in_control {
      time_window_sec = 600
      max_scaled_in_replicas {
        fixed = 1
      }
    }
  }
}
