# Relays of one region of Azure: for each group of `topology` a scale set in flexible orchestration, with network security groups and rights by role. A relay that keeps its name is
# a scale set of one machine, which Azure replaces when its relay is not live; a pool grows and shrinks with its egress and sessions.

locals {
  roles = toset([for group in values(var.groups) : group.role])
  pools = { for name, group in var.groups : name => group if group.pool }

  tags = merge(var.tags, { mesh = var.name, region = var.region })

  settings = { METRICS_OF_REGION = var.network.id }
}

module "alarms" {
  source = "../../alarms"
}

module "machine" {
  source   = "../../machine"
  for_each = var.groups

  cloud         = "azure"
  mesh          = var.name
  group         = each.value
  scaling_group = each.key
  package       = var.package
  secrets       = { for file in each.value.secrets : file => var.secrets[file].url }
  zones         = { public = var.zones.public, private = var.zones.private, ttl = var.zones.ttl }
  ports         = var.ports
  metrics       = { namespace = var.metrics, measures = module.alarms.measures }
  settings      = merge(local.settings, { IDENTITY = azurerm_user_assigned_identity.relay[each.value.role].client_id })
}

resource "azurerm_orchestrated_virtual_machine_scale_set" "relay" {
  for_each = var.groups

  name                        = each.key
  resource_group_name         = var.resource_group
  location                    = var.location
  sku_name                    = each.value.size
  instances                   = each.value.min
  platform_fault_domain_count = 1
  single_placement_group      = false
  zones                       = var.network.zones
  zone_balance                = each.value.pool && length(var.network.zones) > 1
  encryption_at_host_enabled  = var.encryption_at_host
  # A new model rolls through a pool, new machines first. A relay that keeps its name cannot run twice: docs/deploy/azure.md has the command that replaces its machine.
  upgrade_mode = each.value.pool ? "Rolling" : "Manual"
  # Azure sets no price bound on spot machines then, and takes them back only when it needs them.
  max_bid_price   = each.value.pool && var.spot > 0 ? -1 : null
  priority        = each.value.pool && var.spot > 0 ? "Spot" : "Regular"
  eviction_policy = each.value.pool && var.spot > 0 ? "Delete" : null
  tags            = merge(local.tags, { role = each.value.role })

  dynamic "priority_mix" {
    for_each = each.value.pool && var.spot > 0 ? [var.spot] : []
    content {
      base_regular_count            = each.value.min
      regular_percentage_above_base = 100 - priority_mix.value
    }
  }

  dynamic "rolling_upgrade_policy" {
    for_each = each.value.pool ? ["pool"] : []
    content {
      max_batch_instance_percent              = 20
      max_unhealthy_instance_percent          = 20
      max_unhealthy_upgraded_instance_percent = 20
      pause_time_between_batches              = "PT5M"
      maximum_surge_instances_enabled         = true
      prioritize_unhealthy_instances_enabled  = true
    }
  }

  source_image_id = var.image

  dynamic "source_image_reference" {
    for_each = var.image == null ? ["debian"] : []
    content {
      publisher = "Debian"
      offer     = "debian-13"
      sku       = var.architecture == "arm64" ? "13-arm64" : "13-gen2"
      version   = var.image_version
    }
  }

  os_profile {
    custom_data = base64gzip(module.machine[each.key].user_data)
    linux_configuration {
      # Debian has a group `operator` already, after which no account can be named.
      admin_username                  = "relayops"
      disable_password_authentication = true
      provision_vm_agent              = true
      patch_mode                      = "ImageDefault"
      patch_assessment_mode           = "ImageDefault"

      admin_ssh_key {
        username   = "relayops"
        public_key = var.ssh_key
      }
    }
  }

  os_disk {
    caching                = "ReadWrite"
    storage_account_type   = "Premium_LRS"
    disk_size_gb           = 30
    disk_encryption_set_id = var.disk_encryption_set
  }

  # Clients reach the machine itself, and all relays their own address.
  network_interface {
    name                           = "main"
    primary                        = true
    accelerated_networking_enabled = !startswith(each.value.size, "Standard_B")
    network_security_group_id      = azurerm_network_security_group.relay[each.value.role].id

    ip_configuration {
      name                                   = "main"
      primary                                = true
      version                                = "IPv4"
      subnet_id                              = var.network.subnet
      load_balancer_backend_address_pool_ids = lookup(var.pools, each.value.role, [])

      public_ip_address {
        name                    = "public"
        sku_name                = "Standard_Regional"
        version                 = "IPv4"
        idle_timeout_in_minutes = 4
      }
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.relay[each.value.role].id]
  }

  # Azure replaces a machine whose relay is not live. A relay that is live and not ready drains, or waits for a root: another machine would not help.
  extension {
    name                               = "health"
    publisher                          = "Microsoft.ManagedServices"
    type                               = "ApplicationHealthLinux"
    type_handler_version               = "1.0"
    auto_upgrade_minor_version_enabled = true
    settings                           = jsonencode({ protocol = "http", port = var.ports.health, requestPath = "/health/live", intervalInSeconds = 10, numberOfProbes = 6 })
  }

  dynamic "extension" {
    for_each = var.logs == null ? [] : [var.logs]
    content {
      name                               = "logs"
      publisher                          = "Microsoft.Azure.Monitor"
      type                               = "AzureMonitorLinuxAgent"
      type_handler_version               = "1.33"
      auto_upgrade_minor_version_enabled = true
      settings = jsonencode({
        authentication = {
          managedIdentity = { "identifier-name" = "mi_res_id", "identifier-value" = azurerm_user_assigned_identity.relay[each.value.role].id }
        }
      })
    }
  }

  automatic_instance_repair {
    enabled      = true
    action       = "Replace"
    grace_period = "PT${var.patience}M"
  }

  # The machine gets so long to drain when Azure ends it; it reports when it has.
  termination_notification {
    enabled = true
    timeout = "PT${var.drain}M"
  }

  # Screen and serial log, in storage that Azure keeps.
  boot_diagnostics {}

  lifecycle {
    # Scaling sets it.
    ignore_changes = [instances]
  }
}

resource "azurerm_monitor_data_collection_rule_association" "logs" {
  for_each = var.logs == null ? {} : var.groups

  name                    = "relay-log"
  description             = "moqmesh: the log of the relay"
  target_resource_id      = azurerm_orchestrated_virtual_machine_scale_set.relay[each.key].id
  data_collection_rule_id = var.logs.rule
}

# The measures are those of the machines, on average.
resource "azurerm_monitor_autoscale_setting" "pool" {
  for_each = local.pools

  name                = each.key
  resource_group_name = var.resource_group
  location            = var.location
  target_resource_id  = azurerm_orchestrated_virtual_machine_scale_set.relay[each.key].id
  tags                = local.tags

  profile {
    name = "load"

    capacity {
      default = each.value.min
      minimum = each.value.min
      maximum = each.value.max
    }

    # Any of these adds machines; all of them together take one away.
    dynamic "rule" {
      for_each = {
        egress-out   = { metric = "egress", operator = "GreaterThan", threshold = var.scaling.egress / 8, direction = "Increase", window = "PT5M", cooldown = "PT${var.scaling.warmup}M" }
        sessions-out = { metric = "sessions", operator = "GreaterThan", threshold = var.scaling.sessions, direction = "Increase", window = "PT5M", cooldown = "PT${var.scaling.warmup}M" }
        # A machine that ends moves its viewers: one at a time, ten minutes apart.
        egress-in   = { metric = "egress", operator = "LessThan", threshold = var.scaling.egress / 8 * 0.6, direction = "Decrease", window = "PT15M", cooldown = "PT10M" }
        sessions-in = { metric = "sessions", operator = "LessThan", threshold = floor(var.scaling.sessions * 0.6), direction = "Decrease", window = "PT15M", cooldown = "PT10M" }
      }
      content {
        metric_trigger {
          metric_name        = rule.value.metric
          metric_namespace   = var.metrics
          metric_resource_id = azurerm_orchestrated_virtual_machine_scale_set.relay[each.key].id
          operator           = rule.value.operator
          threshold          = rule.value.threshold
          statistic          = "Average"
          time_aggregation   = "Average"
          time_grain         = "PT1M"
          time_window        = rule.value.window
        }
        scale_action {
          direction = rule.value.direction
          type      = "ChangeCount"
          value     = 1
          cooldown  = rule.value.cooldown
        }
      }
    }
  }
}
