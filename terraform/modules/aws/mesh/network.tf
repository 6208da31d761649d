# The private network: a VPC for each region, joined in pairs. Peering has no bottleneck and no price of its own; a transit gateway has both.

locals {
  locations = { for name, region in local.regions : name => region.location }
}

resource "aws_vpc" "region" {
  # checkov:skip=CKV2_AWS_11:a flow log has a line for each viewer and window; the relays count and log sessions and refusals themselves
  for_each = local.regions

  region                           = each.value.location
  cidr_block                       = module.network.cidrs[each.key]
  assign_generated_ipv6_cidr_block = true
  enable_dns_hostnames             = true
  enable_dns_support               = true
  tags                             = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

# What has no security group of its own can be reached by nothing.
resource "aws_default_security_group" "region" {
  for_each = local.regions

  region = each.value.location
  vpc_id = aws_vpc.region[each.key].id
  tags   = merge(local.tags, { Name = "${var.name}-${each.key}-closed" })
}

resource "aws_internet_gateway" "region" {
  for_each = local.regions

  region = each.value.location
  vpc_id = aws_vpc.region[each.key].id
  tags   = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_subnet" "relays" {
  for_each = module.network.subnets

  region                          = local.locations[each.value.region]
  vpc_id                          = aws_vpc.region[each.value.region].id
  availability_zone               = each.value.zone
  cidr_block                      = each.value.cidr
  ipv6_cidr_block                 = cidrsubnet(aws_vpc.region[each.value.region].ipv6_cidr_block, 8, each.value.index)
  assign_ipv6_address_on_creation = true
  tags                            = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route_table" "region" {
  for_each = local.regions

  region = each.value.location
  vpc_id = aws_vpc.region[each.key].id
  tags   = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route_table_association" "relays" {
  for_each = module.network.subnets

  region         = local.locations[each.value.region]
  subnet_id      = aws_subnet.relays[each.key].id
  route_table_id = aws_route_table.region[each.value.region].id
}

resource "aws_route" "world_v4" {
  for_each = local.regions

  region                 = each.value.location
  route_table_id         = aws_route_table.region[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.region[each.key].id
}

resource "aws_route" "world_v6" {
  for_each = local.regions

  region                      = each.value.location
  route_table_id              = aws_route_table.region[each.key].id
  destination_ipv6_cidr_block = "::/0"
  gateway_id                  = aws_internet_gateway.region[each.key].id
}

resource "aws_vpc_peering_connection" "regions" {
  for_each = module.network.pairs

  region      = local.locations[each.value.from]
  vpc_id      = aws_vpc.region[each.value.from].id
  peer_vpc_id = aws_vpc.region[each.value.to].id
  # Two regions of the mesh may be in one region of AWS, which `peer_region` must not name.
  peer_region = local.locations[each.value.from] == local.locations[each.value.to] ? null : local.locations[each.value.to]
  tags        = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_vpc_peering_connection_accepter" "regions" {
  for_each = module.network.pairs

  region                    = local.locations[each.value.to]
  vpc_peering_connection_id = aws_vpc_peering_connection.regions[each.key].id
  auto_accept               = true
  tags                      = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route" "regions" {
  for_each = module.network.routes

  region                    = local.locations[each.value.from]
  route_table_id            = aws_route_table.region[each.value.from].id
  destination_cidr_block    = each.value.cidr
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.regions[each.value.pair].vpc_peering_connection_id
}

# Names at which relays dial each other, with private addresses. The machines write them.
resource "aws_route53_zone" "mesh" {
  count = var.cluster_domain == null ? 0 : 1

  name          = var.cluster_domain
  comment       = "moqmesh ${var.name}: relays among themselves"
  force_destroy = true
  tags          = local.tags

  vpc {
    vpc_id     = aws_vpc.region[local.home].id
    vpc_region = local.locations[local.home]
  }

  lifecycle {
    # The other networks are associated below.
    ignore_changes = [vpc]
  }
}

resource "aws_route53_zone_association" "mesh" {
  for_each = { for name, location in local.locations : name => location if name != local.home && var.cluster_domain != null }

  zone_id    = aws_route53_zone.mesh[0].zone_id
  vpc_id     = aws_vpc.region[each.key].id
  vpc_region = each.value
}
