# Network security groups by role, with the rules of `topology`. Azure would let the whole private network in: the last rule refuses what no other permits.

locals {
  # The networks of terraform/modules/azure/mesh have IPv4 alone.
  rules = merge([
    for role in local.roles : {
      for index, rule in var.firewall[role] : "${role}-${rule.protocol}-${rule.port}" => merge(rule, {
        role     = role
        priority = 100 + index
        world    = contains(rule.from, "0.0.0.0/0")
        from     = [for block in rule.from : block if !strcontains(block, ":")]
      }) if anytrue([for block in rule.from : !strcontains(block, ":")])
    }
  ]...)
}

resource "azurerm_network_security_group" "relay" {
  for_each = local.roles

  name                = "${var.name}-${var.region}-${each.key}"
  resource_group_name = var.resource_group
  location            = var.location
  tags                = local.tags
}

resource "azurerm_network_security_rule" "relay" {
  for_each = local.rules

  name                        = each.key
  description                 = "moqmesh: ${each.value.why}"
  resource_group_name         = var.resource_group
  network_security_group_name = azurerm_network_security_group.relay[each.value.role].name
  priority                    = each.value.priority
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = title(each.value.protocol)
  source_port_range           = "*"
  source_address_prefix       = each.value.world ? "*" : null
  source_address_prefixes     = each.value.world ? null : each.value.from
  destination_port_range      = tostring(each.value.port)
  destination_address_prefix  = "*"
}

resource "azurerm_network_security_rule" "rest" {
  for_each = local.roles

  name                        = "rest"
  description                 = "moqmesh: nothing else, not from the private network either"
  resource_group_name         = var.resource_group
  network_security_group_name = azurerm_network_security_group.relay[each.key].name
  priority                    = 4000
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_port_range           = "*"
  source_address_prefix       = "VirtualNetwork"
  destination_port_range      = "*"
  destination_address_prefix  = "*"
}
