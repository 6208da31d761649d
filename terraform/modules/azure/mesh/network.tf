# The private network: one for each region, joined in pairs by peering.

resource "azurerm_virtual_network" "region" {
  for_each = local.regions

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group
  location            = each.value.location
  address_space       = [module.network.cidrs[each.key]]
  tags                = local.tags
}

resource "azurerm_subnet" "relays" {
  # checkov:skip=CKV2_AZURE_31: each machine has the network security group of its role
  for_each = local.regions

  name                            = "relays"
  resource_group_name             = var.resource_group
  virtual_network_name            = azurerm_virtual_network.region[each.key].name
  address_prefixes                = [cidrsubnet(module.network.cidrs[each.key], 2, 0)]
  default_outbound_access_enabled = false

  # So that the vaults know where a request comes from.
  service_endpoint {
    service = "Microsoft.KeyVault"
  }
}

# Azure wants both ways of a pair.
resource "azurerm_virtual_network_peering" "regions" {
  for_each = module.network.routes

  name                         = each.key
  resource_group_name          = var.resource_group
  virtual_network_name         = azurerm_virtual_network.region[each.value.from].name
  remote_virtual_network_id    = azurerm_virtual_network.region[each.value.to].id
  allow_virtual_network_access = true
  allow_forwarded_traffic      = false
  allow_gateway_transit        = false
}

# Names at which relays dial each other, with private addresses. The machines write them.
resource "azurerm_private_dns_zone" "mesh" {
  count = var.cluster_domain == null ? 0 : 1

  name                = var.cluster_domain
  resource_group_name = var.resource_group
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "mesh" {
  for_each = var.cluster_domain == null ? {} : local.regions

  name                 = each.key
  private_dns_zone_id  = azurerm_private_dns_zone.mesh[0].id
  virtual_network_id   = azurerm_virtual_network.region[each.key].id
  registration_enabled = false
  tags                 = local.tags
}

# What a machine may do in the zones: records of type A. Azure has no rights for single names, so give the mesh zones of its own.
locals {
  group_of_zone = {
    public  = var.zone == null ? null : join("/", slice(split("/", var.zone), 0, 5))
    private = var.cluster_domain == null ? null : data.azurerm_resource_group.mesh.id
  }
  kinds = { public = "dnsZones", private = "privateDnsZones" }
}

data "azurerm_resource_group" "mesh" {
  name = var.resource_group
}

resource "azurerm_role_definition" "names" {
  for_each = { for kind, needed in { public = var.zone != null, private = var.cluster_domain != null } : kind => local.kinds[kind] if needed }

  name              = "moqmesh ${var.name}: names of relays (${each.key})"
  scope             = local.group_of_zone[each.key]
  assignable_scopes = [local.group_of_zone[each.key]]
  description       = "Records of type A, in the zone in which it is assigned"

  permissions {
    actions = [
      "Microsoft.Network/${each.value}/read",
      "Microsoft.Network/${each.value}/A/read",
      "Microsoft.Network/${each.value}/A/write",
      "Microsoft.Network/${each.value}/A/delete",
    ]
  }
}
