# One address for the edges of each region: an external passthrough Network Load Balancer for UDP and TCP. Google has no anycast address for UDP over several regions: its global
# load balancers end TCP and TLS, and pass no QUIC on. So DNS leads clients to the address of their region.

locals {
  labels = merge(var.labels, { mesh = var.name })

  # The protocols are backends of their own, which share the address.
  fronts = merge([
    for name, region in var.regions : { for protocol in ["UDP", "TCP"] : "${name}-${lower(protocol)}" => { name = name, protocol = protocol, region = region } }
  ]...)
}

resource "google_compute_address" "edges" {
  for_each = var.regions

  project      = var.project
  region       = each.value.location
  name         = "${var.name}-${each.key}-edges"
  description  = "moqmesh ${var.name}: edges in ${each.value.location}"
  address_type = "EXTERNAL"
  network_tier = "PREMIUM"
  labels       = local.labels
}

resource "google_compute_region_health_check" "ready" {
  for_each = var.regions

  project             = var.project
  region              = each.value.location
  name                = "${var.name}-${each.key}-ready"
  description         = "moqmesh: relays that take new clients"
  check_interval_sec  = 5
  timeout_sec         = 5
  healthy_threshold   = 2
  unhealthy_threshold = 2

  http_health_check {
    port         = var.ports.health
    request_path = "/health/ready"
  }

  log_config {
    enable = true
  }
}

resource "google_compute_region_backend_service" "edges" {
  for_each = local.fronts

  project               = var.project
  region                = each.value.region.location
  name                  = "${var.name}-${each.key}"
  description           = "moqmesh ${var.name}: ${each.value.protocol} of clients"
  load_balancing_scheme = "EXTERNAL"
  protocol              = each.value.protocol
  health_checks         = [google_compute_region_health_check.ready[each.value.name].id]
  # By the client's address: a client whose port changes, as behind a NAT that forgets it, stays with its relay.
  session_affinity                = "CLIENT_IP"
  connection_draining_timeout_sec = 60

  # A relay that drains is not ready. Its clients stay with it until it has moved them; a client that comes again has another port and is a new connection.
  connection_tracking_policy {
    tracking_mode                                = "PER_CONNECTION"
    connection_persistence_on_unhealthy_backends = "ALWAYS_PERSIST"
  }

  dynamic "backend" {
    for_each = each.value.region.instance_groups
    content {
      group          = backend.value
      balancing_mode = "CONNECTION"
    }
  }

  dynamic "log_config" {
    for_each = var.logs > 0 ? [var.logs] : []
    content {
      enable      = true
      sample_rate = log_config.value
    }
  }
}

resource "google_compute_forwarding_rule" "edges" {
  for_each = local.fronts

  project               = var.project
  region                = each.value.region.location
  name                  = "${var.name}-${each.key}"
  description           = "moqmesh ${var.name}: ${each.value.protocol} of clients"
  load_balancing_scheme = "EXTERNAL"
  network_tier          = "PREMIUM"
  ip_address            = google_compute_address.edges[each.value.name].id
  ip_protocol           = each.value.protocol
  # DNS asks the address for readiness as well.
  ports           = each.value.protocol == "TCP" ? [tostring(var.ports.public), tostring(var.ports.health)] : [tostring(var.ports.public)]
  backend_service = google_compute_region_backend_service.edges[each.key].id
  labels          = local.labels
}
