# Names for viewers and publishers in Route 53: each entrance leads to the region by latency, by country or by weight, and only to regions that are ready. Within a region it
# leads to the load balancer, or to each relay that a health check finds ready, in turns.

locals {
  # An entrance with an accelerator has one address for all regions.
  anycast = var.accelerator == null ? {} : { for host in distinct([for record in var.records : record.host if record.entrance == "watch"]) : host => var.accelerator }

  regional = {
    for record in var.records : "${record.entrance}-${record.region}" => merge(record, {
      name     = "${record.region}.${record.host}"
      balancer = record.entrance == "watch" ? lookup(var.balancers, record.region, null) : null
      # A region of another cloud takes the place of the nearest one of AWS.
      location = lookup(var.nearest, record.region, record.location)
    }) if !contains(keys(local.anycast), record.host)
  }

  # Each relay of a region without a load balancer, for both families of addresses.
  members = merge([
    for key, record in local.regional : {
      for host in record.targets : "${record.entrance}-${host}" => { key = key, host = host, name = record.name }
    } if record.balancer == null
  ]...)

  families = ["A", "AAAA"]
  members_by_family = merge([
    for family in local.families : { for key, member in local.members : "${key}-${family}" => merge(member, { family = family }) }
  ]...)
  addresses = merge([
    for host, address in var.addresses : {
      for family, value in { A = address.ipv4, AAAA = address.ipv6 } : "${host}-${family}" => { host = host, family = family, address = value } if value != null
    }
  ]...)

  # A load balancer for QUIC has no IPv6.
  regional_by_family = merge([
    for family in local.families : {
      for key, record in local.regional : "${key}-${family}" => merge(record, { family = family }) if family == "A" || record.balancer == null
    }
  ]...)

  # Geographic routing: one record for each place, and one for all other places, which leads to the regions by weight.
  places = merge([
    for key, record in local.regional_by_family : {
      for place in record.countries : "${key}-${place}" => merge(record, { place = place })
    }
  ]...)
}

# Relays whose machines write no records of Route 53, as those of other clouds. An alias needs a record to lead to.
resource "aws_route53_record" "host" {
  for_each = local.addresses

  zone_id = var.zone
  name    = each.value.host
  type    = each.value.family
  ttl     = 60
  records = [each.value.address]
}

resource "aws_route53_health_check" "relay" {
  for_each = toset(flatten([for member in values(local.members) : member.host]))

  type              = "HTTP"
  fqdn              = each.key
  port              = var.health_check.port
  resource_path     = var.health_check.path
  request_interval  = var.health_check.interval
  failure_threshold = var.health_check.threshold
  tags              = merge(local.tags, { Name = each.key })
}

# The relays of a region, in turns.
resource "aws_route53_record" "member" {
  for_each = local.members_by_family

  zone_id         = var.zone
  name            = each.value.name
  type            = each.value.family
  set_identifier  = each.value.host
  health_check_id = aws_route53_health_check.relay[each.value.host].id

  weighted_routing_policy {
    weight = 1
  }

  alias {
    zone_id                = var.zone
    name                   = each.value.host
    evaluate_target_health = false
  }

  depends_on = [aws_route53_record.host]
}

# The regions of an entrance, by latency or by weight. With geographic routing these are the regions for all other places.
resource "aws_route53_record" "region" {
  for_each = local.regional_by_family

  zone_id        = var.zone
  name           = var.routing == "geo" ? "any.${each.value.host}" : each.value.host
  type           = each.value.family
  set_identifier = each.value.region

  dynamic "latency_routing_policy" {
    for_each = var.routing == "latency" ? [each.value.location] : []
    content {
      region = latency_routing_policy.value
    }
  }

  dynamic "weighted_routing_policy" {
    for_each = var.routing == "latency" ? [] : [each.value.weight]
    content {
      weight = weighted_routing_policy.value
    }
  }

  # A region without a ready relay gets no clients: they come to the next one.
  alias {
    zone_id                = each.value.balancer == null ? var.zone : each.value.balancer.zone_id
    name                   = each.value.balancer == null ? each.value.name : each.value.balancer.dns_name
    evaluate_target_health = true
  }

  depends_on = [aws_route53_record.member]
}

resource "aws_route53_record" "place" {
  for_each = var.routing == "geo" ? local.places : {}

  zone_id        = var.zone
  name           = each.value.host
  type           = each.value.family
  set_identifier = "${each.value.region}-${replace(each.value.place, ":", "-")}"

  geolocation_routing_policy {
    country   = startswith(each.value.place, "continent:") ? null : each.value.place
    continent = startswith(each.value.place, "continent:") ? trimprefix(each.value.place, "continent:") : null
  }

  alias {
    zone_id                = each.value.balancer == null ? var.zone : each.value.balancer.zone_id
    name                   = each.value.balancer == null ? each.value.name : each.value.balancer.dns_name
    evaluate_target_health = true
  }

  depends_on = [aws_route53_record.member]
}

resource "aws_route53_record" "elsewhere" {
  for_each = var.routing == "geo" ? {
    for key in distinct([for record in values(local.regional_by_family) : "${record.family} ${record.host}"]) : key => { family = split(" ", key)[0], host = split(" ", key)[1] }
  } : {}

  zone_id        = var.zone
  name           = each.value.host
  type           = each.value.family
  set_identifier = "elsewhere"

  geolocation_routing_policy {
    country = "*"
  }

  alias {
    zone_id                = var.zone
    name                   = "any.${each.value.host}"
    evaluate_target_health = true
  }

  depends_on = [aws_route53_record.region]
}

resource "aws_route53_record" "anycast" {
  # checkov:skip=CKV2_AWS_23:the accelerator that it leads to is made by the module anycast
  for_each = local.anycast

  zone_id = var.zone
  name    = each.key
  type    = "A"

  alias {
    zone_id                = each.value.zone_id
    name                   = each.value.dns_name
    evaluate_target_health = true
  }
}

locals {
  tags = merge(var.tags, { mesh = var.name })
}
