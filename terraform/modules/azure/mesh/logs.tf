# The relays' logs in Log Analytics, in the table moqmesh_CL: the agent of each machine follows the file.

resource "azurerm_log_analytics_workspace" "relays" {
  count = var.logs == null ? 0 : 1

  name                         = "${var.name}-relays"
  resource_group_name          = var.resource_group
  location                     = local.locations[local.home]
  sku                          = "PerGB2018"
  retention_in_days            = var.logs.days
  daily_quota_gb               = var.logs.daily_gigabytes
  local_authentication_enabled = false
  tags                         = local.tags
}

resource "azurerm_log_analytics_workspace_table_custom_log" "relays" {
  count = var.logs == null ? 0 : 1

  name         = "moqmesh_CL"
  workspace_id = azurerm_log_analytics_workspace.relays[0].id
  description  = "logs of moqmesh relays, a line each, as JSON in RawData"

  dynamic "column" {
    for_each = { TimeGenerated = "dateTime", RawData = "string", Computer = "string", FilePath = "string" }
    content {
      name = column.key
      type = column.value
    }
  }
}

resource "azurerm_monitor_data_collection_endpoint" "logs" {
  for_each = var.logs == null ? {} : local.regions

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group
  location            = each.value.location
  kind                = "Linux"
  description         = "moqmesh: logs of relays"
  tags                = local.tags
}

resource "azurerm_monitor_data_collection_rule" "logs" {
  for_each = var.logs == null ? {} : local.regions

  name                        = "${var.name}-${each.key}"
  resource_group_name         = var.resource_group
  location                    = each.value.location
  kind                        = "Linux"
  description                 = "moqmesh: logs of relays"
  data_collection_endpoint_id = azurerm_monitor_data_collection_endpoint.logs[each.key].id
  tags                        = local.tags

  data_sources {
    log_file {
      name          = "relay"
      format        = "text"
      file_patterns = ["/var/log/moqmesh/relay.log"]
      streams       = ["Custom-Text-moqmesh"]
      settings {
        text {
          record_start_timestamp_format = "ISO 8601"
        }
      }
    }
  }

  stream_declaration {
    stream_name = "Custom-Text-moqmesh"
    dynamic "column" {
      for_each = { TimeGenerated = "datetime", RawData = "string", Computer = "string", FilePath = "string" }
      content {
        name = column.key
        type = column.value
      }
    }
  }

  destinations {
    log_analytics {
      name                  = "relays"
      workspace_resource_id = azurerm_log_analytics_workspace.relays[0].id
    }
  }

  data_flow {
    streams       = ["Custom-Text-moqmesh"]
    destinations  = ["relays"]
    transform_kql = "source"
    output_stream = "Custom-${azurerm_log_analytics_workspace_table_custom_log.relays[0].name}"
  }
}
