# Private networks of regions: a network for each, a subnet for each zone, and the pairs of regions that are joined. It has no provider.

locals {
  names = sort(keys(var.regions))

  cidrs = { for index, name in local.names : name => coalesce(var.regions[name].cidr, cidrsubnet(var.space, 6, index)) }

  subnets = merge([
    for name, region in var.regions : {
      for index, zone in region.zones : "${name}-${zone}" => {
        region = name
        zone   = zone
        cidr   = cidrsubnet(local.cidrs[name], 4, index)
        # The number of the subnet in an IPv6 network of the region.
        index = index
      }
    }
  ]...)

  # Each pair once: the first one in alphabetical order asks, the other accepts.
  pairs = merge([
    for at, from in local.names : {
      for to in slice(local.names, at + 1, length(local.names)) : "${from}-${to}" => { from = from, to = to }
    }
  ]...)

  # Both ways of each pair.
  routes = merge([
    for name, pair in local.pairs : {
      "${pair.from}-${pair.to}" = { pair = name, from = pair.from, to = pair.to, cidr = local.cidrs[pair.to] }
      "${pair.to}-${pair.from}" = { pair = name, from = pair.to, to = pair.from, cidr = local.cidrs[pair.from] }
    }
  ]...)
}
