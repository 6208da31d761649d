# The entrances `watch` and `publish`: a Traffic Manager profile for each, which leads by the viewer's network (performance), place (geographic) or by weight, and below it a profile
# for each region with its relays or its load balancer. Traffic Manager asks each for readiness every ten seconds.

locals {
  zone = { name = reverse(split("/", var.zone))[0], resource_group = split("/", var.zone)[4] }

  entrances = { for record in var.records : record.entrance => record.host... }

  places = {
    for record in var.records : "${record.entrance}-${record.region}" => merge(record, {
      balancer = record.entrance == "watch" ? try(var.balancers[record.region].address_id, null) : null
      azure    = lookup(var.locations, record.region, record.location)
    }) if length(record.targets) > 0 || (record.entrance == "watch" && can(var.balancers[record.region]))
  }

  relays = merge([
    for name, place in local.places : {
      for host in place.targets : "${name}/${host}" => { place = name, host = host } if !(place.entrance == "watch" && can(var.balancers[place.region]))
    }
  ]...)

  # In the words of Traffic Manager. It has no Antarctica.
  continents = { AF = "GEO-AF", AS = "GEO-AS", EU = "GEO-EU", NA = "GEO-NA", OC = "GEO-AP", SA = "GEO-SA" }
  countries = {
    for name, place in local.places : name => distinct(concat(
      [for country in place.countries : try(local.continents[trimprefix(country, "continent:")], country) if country != "continent:AN"],
      place.region == var.rest ? ["WORLD"] : [],
    ))
  }

  methods = { performance = "Performance", geographic = "Geographic", weighted = "Weighted" }
}

resource "azurerm_traffic_manager_profile" "entrance" {
  for_each = local.entrances

  name                   = "${var.name}-${each.key}"
  resource_group_name    = var.resource_group
  traffic_routing_method = local.methods[var.policy]
  tags                   = var.tags

  dns_config {
    relative_name = "${var.label}-${each.key}"
    ttl           = var.ttl
  }

  monitor_config {
    protocol                     = "HTTP"
    port                         = var.health_check.port
    path                         = var.health_check.path
    interval_in_seconds          = 10
    timeout_in_seconds           = 5
    tolerated_number_of_failures = 1
  }
}

resource "azurerm_traffic_manager_profile" "region" {
  for_each = local.places

  name                   = "${var.name}-${each.key}"
  resource_group_name    = var.resource_group
  traffic_routing_method = "Weighted"
  tags                   = var.tags

  dns_config {
    relative_name = "${var.label}-${each.key}"
    ttl           = var.ttl
  }

  monitor_config {
    protocol                     = "HTTP"
    port                         = var.health_check.port
    path                         = var.health_check.path
    interval_in_seconds          = 10
    timeout_in_seconds           = 5
    tolerated_number_of_failures = 1
  }
}

# A region is healthy while one of its relays is ready.
resource "azurerm_traffic_manager_nested_endpoint" "region" {
  for_each = local.places

  name                    = each.value.region
  profile_id              = azurerm_traffic_manager_profile.entrance[each.value.entrance].id
  target_resource_id      = azurerm_traffic_manager_profile.region[each.key].id
  minimum_child_endpoints = 1
  endpoint_location       = each.value.azure
  weight                  = var.policy == "weighted" ? max(1, each.value.weight) : null
  geo_mappings            = var.policy == "geographic" ? local.countries[each.key] : null

  lifecycle {
    precondition {
      condition     = var.policy != "geographic" || length(local.countries[each.key]) > 0
      error_message = "the region ${each.value.region} has no countries: give it some, or make it the rest."
    }
  }
}

resource "azurerm_traffic_manager_external_endpoint" "relay" {
  for_each = local.relays

  name       = each.value.host
  profile_id = azurerm_traffic_manager_profile.region[each.value.place].id
  target     = each.value.host
  weight     = 1
}

resource "azurerm_traffic_manager_azure_endpoint" "balancer" {
  for_each = { for name, place in local.places : name => place if place.entrance == "watch" && can(var.balancers[place.region]) }

  name               = each.value.region
  profile_id         = azurerm_traffic_manager_profile.region[each.key].id
  target_resource_id = each.value.balancer
  weight             = 1
}

resource "azurerm_dns_cname_record" "entrance" {
  for_each = local.entrances

  name                = trimsuffix(each.value[0], ".${local.zone.name}")
  zone_name           = local.zone.name
  resource_group_name = local.zone.resource_group
  ttl                 = 300
  record              = azurerm_traffic_manager_profile.entrance[each.key].fqdn
  tags                = var.tags
}
