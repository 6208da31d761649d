# Firewall rules by role, with the rules of `topology`. What no rule permits, the network refuses.

locals {
  rules = merge([
    for role in local.roles : {
      for rule in var.firewall[role] : "${role}-${rule.protocol}-${rule.port}" => merge(rule, {
        role = role
        # The networks of terraform/modules/google/mesh have IPv4 alone.
        from = [for block in rule.from : block if !strcontains(block, ":")]
      })
    }
  ]...)
}

resource "google_compute_firewall" "relay" {
  for_each = { for name, rule in local.rules : name => rule if length(rule.from) > 0 }

  project                 = var.project
  network                 = var.network.id
  name                    = "${var.name}-${var.region}-${each.key}"
  description             = "moqmesh: ${each.value.why}"
  direction               = "INGRESS"
  source_ranges           = each.value.from
  target_service_accounts = [google_service_account.relay[each.value.role].email]

  allow {
    protocol = each.value.protocol
    ports    = [tostring(each.value.port)]
  }
}
