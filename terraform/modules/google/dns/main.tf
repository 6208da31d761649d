# The entrances `watch` and `publish` in Cloud DNS: by the viewer's place (the nearest region that is healthy) or by weight, with health checks on readiness from three places of
# the world. An entrance leads to the load balancer of a region where there is one, else to the relays themselves.

locals {
  entrances = toset([for record in var.records : record.entrance])

  # Regions of each entrance that have an address here. Those of pools are load balancers.
  places = {
    for entrance in local.entrances : entrance => [
      for record in var.records : {
        host      = record.host
        region    = record.region
        weight    = record.weight
        location  = lookup(var.locations, record.region, record.location)
        addresses = can(var.balancers[record.region]) && entrance == "watch" ? [var.balancers[record.region].address] : [for host in record.targets : var.addresses[host] if can(var.addresses[host])]
      } if record.entrance == entrance
    ]
  }

  records = {
    for entrance, places in local.places : entrance => {
      host   = places[0].host
      places = { for place in places : place.region => place if length(place.addresses) > 0 }
    }
  }
}

resource "google_compute_health_check" "ready" {
  project             = split("/", var.zone)[1]
  name                = "${var.name}-dns-ready"
  description         = "moqmesh: relays that take new clients, for DNS"
  check_interval_sec  = 30
  timeout_sec         = 5
  healthy_threshold   = 1
  unhealthy_threshold = 1
  source_regions      = var.source_regions

  http_health_check {
    port         = var.health_check.port
    request_path = var.health_check.path
  }

  log_config {
    enable = true
  }
}

resource "google_dns_record_set" "entrance" {
  for_each = local.records

  project      = split("/", var.zone)[1]
  managed_zone = split("/", var.zone)[3]
  name         = "${each.value.host}."
  type         = "A"
  ttl          = var.ttl

  routing_policy {
    health_check       = google_compute_health_check.ready.id
    enable_geo_fencing = var.policy == "geo" ? false : null

    dynamic "geo" {
      for_each = var.policy == "geo" ? each.value.places : {}
      content {
        location = geo.value.location
        health_checked_targets {
          external_endpoints = geo.value.addresses
        }
      }
    }

    dynamic "wrr" {
      for_each = var.policy == "weighted" ? each.value.places : {}
      content {
        weight = wrr.value.weight
        health_checked_targets {
          external_endpoints = wrr.value.addresses
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(each.value.places) > 0
      error_message = "the entrance ${each.key} leads nowhere: neither balancers nor addresses have a region of it."
    }
    precondition {
      condition     = var.policy != "geo" || length(distinct([for place in values(each.value.places) : place.location])) == length(each.value.places)
      error_message = "two regions have one location of Google: give one of them another in locations, or use the policy weighted."
    }
  }
}
