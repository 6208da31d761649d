# One address for the edges of each region, a Standard Load Balancer for UDP and TCP, and above them optionally a global one, whose single address Azure announces from all its
# regions (anycast).

locals {
  tags = merge(var.tags, { mesh = var.name })

  # The health port is for Traffic Manager, which asks the address for readiness.
  ports = { udp = { protocol = "Udp", port = var.ports.public }, tcp = { protocol = "Tcp", port = var.ports.public }, health = { protocol = "Tcp", port = var.ports.health } }

  rules = merge([
    for name in keys(var.regions) : { for kind, rule in local.ports : "${name}-${kind}" => merge(rule, { region = name, kind = kind }) }
  ]...)

  world = { for kind, rule in local.ports : kind => rule if kind != "health" && var.world != null }
}

resource "azurerm_public_ip" "region" {
  for_each = var.regions

  name                = "${var.name}-${each.key}-edges"
  resource_group_name = var.resource_group
  location            = each.value.location
  allocation_method   = "Static"
  sku                 = "Standard"
  sku_tier            = "Regional"
  ip_version          = "IPv4"
  zones               = each.value.zones
  domain_name_label   = "${var.label}-${each.key}"
  tags                = local.tags
}

resource "azurerm_lb" "region" {
  for_each = var.regions

  name                = "${var.name}-${each.key}-edges"
  resource_group_name = var.resource_group
  location            = each.value.location
  sku                 = "Standard"
  sku_tier            = "Regional"
  tags                = local.tags

  frontend_ip_configuration {
    name                 = "edges"
    public_ip_address_id = azurerm_public_ip.region[each.key].id
  }
}

resource "azurerm_lb_backend_address_pool" "region" {
  for_each = var.regions

  name            = "edges"
  loadbalancer_id = azurerm_lb.region[each.key].id
}

resource "azurerm_lb_probe" "ready" {
  for_each = var.regions

  name                = "ready"
  loadbalancer_id     = azurerm_lb.region[each.key].id
  protocol            = "Http"
  port                = var.ports.health
  request_path        = "/health/ready"
  interval_in_seconds = 5
  probe_threshold     = 2
}

resource "azurerm_lb_rule" "region" {
  for_each = local.rules

  name                           = each.value.kind
  loadbalancer_id                = azurerm_lb.region[each.value.region].id
  protocol                       = each.value.protocol
  frontend_port                  = each.value.port
  backend_port                   = each.value.port
  frontend_ip_configuration_name = "edges"
  backend_address_pool_ids       = [azurerm_lb_backend_address_pool.region[each.value.region].id]
  probe_id                       = azurerm_lb_probe.ready[each.value.region].id
  # By the client's address: a client whose port changes, as behind a NAT that forgets it, stays with its relay.
  load_distribution = "SourceIP"
  # Machines have addresses of their own.
  disable_outbound_snat   = true
  idle_timeout_in_minutes = 4
  tcp_reset_enabled       = each.value.protocol == "Tcp"
}

resource "azurerm_public_ip" "world" {
  count = var.world == null ? 0 : 1

  name                = "${var.name}-edges"
  resource_group_name = var.resource_group
  location            = var.world.location
  allocation_method   = "Static"
  sku                 = "Standard"
  sku_tier            = "Global"
  ip_version          = "IPv4"
  domain_name_label   = "${var.label}-world"
  tags                = local.tags
}

resource "azurerm_lb" "world" {
  count = var.world == null ? 0 : 1

  name                = "${var.name}-edges"
  resource_group_name = var.resource_group
  location            = var.world.location
  sku                 = "Standard"
  sku_tier            = "Global"
  tags                = local.tags

  frontend_ip_configuration {
    name                 = "edges"
    public_ip_address_id = azurerm_public_ip.world[0].id
  }
}

resource "azurerm_lb_backend_address_pool" "world" {
  count = var.world == null ? 0 : 1

  name            = "regions"
  loadbalancer_id = azurerm_lb.world[0].id
}

# A region with weight 0 gets no new viewers.
resource "azurerm_lb_backend_address_pool_address" "world" {
  for_each = { for name, region in var.regions : name => region if var.world != null && region.weight > 0 }

  name                                = each.key
  backend_address_pool_id             = azurerm_lb_backend_address_pool.world[0].id
  backend_address_ip_configuration_id = azurerm_lb.region[each.key].frontend_ip_configuration[0].id
}

# It asks the regional load balancers for the health of their relays by itself.
resource "azurerm_lb_rule" "world" {
  for_each = local.world

  name                           = each.key
  loadbalancer_id                = azurerm_lb.world[0].id
  protocol                       = each.value.protocol
  frontend_port                  = each.value.port
  backend_port                   = each.value.port
  frontend_ip_configuration_name = "edges"
  backend_address_pool_ids       = [azurerm_lb_backend_address_pool.world[0].id]
  load_distribution              = "SourceIP"
}
