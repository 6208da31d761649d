# Alerts of Azure Monitor over the measures that machines take of their relays: those of the module `alarms` for each region, one for relays that do not answer Traffic Manager,
# and one for egress over a budget. Each has the section of the run book.

locals {
  aggregations = { Minimum = "Minimum", Maximum = "Maximum", Sum = "Total" }
  severities   = { critical = 1, warning = 2 }

  alarms = merge([
    for region in keys(var.networks) : { for name, alarm in module.alarms.alarms : "${region}-${name}" => merge(alarm, { region = region, name = name }) }
  ]...)

  # Azure's windows. Over several minutes the mean of a machine counts.
  windows = { for name, alarm in module.alarms.alarms : name => alarm.minutes <= 1 ? 1 : alarm.minutes <= 5 ? 5 : 15 }
}

module "alarms" {
  source         = "../../alarms"
  runbooks       = var.runbooks
  refused_tokens = var.refused_tokens
  disabled       = var.disabled
}

resource "azurerm_monitor_action_group" "operators" {
  name                = "${var.name}-operators"
  resource_group_name = var.resource_group
  short_name          = substr(replace(var.name, "-", ""), 0, 12)
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = var.emails
    content {
      name                    = email_receiver.key
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }

  dynamic "webhook_receiver" {
    for_each = var.webhooks
    content {
      name                    = webhook_receiver.key
      service_uri             = webhook_receiver.value.url
      use_common_alert_schema = true

      dynamic "aad_auth" {
        for_each = webhook_receiver.value.object_id == null ? [] : [webhook_receiver.value]
        content {
          object_id      = aad_auth.value.object_id
          identifier_uri = aad_auth.value.identifier_uri
        }
      }
    }
  }
}

locals {
  tags    = merge(var.tags, { mesh = var.name })
  actions = concat([azurerm_monitor_action_group.operators.id], var.action_groups)
}

resource "azurerm_monitor_metric_alert" "alarm" {
  for_each = local.alarms

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group
  description         = "${each.value.summary}. Run book: ${each.value.runbook_url}"
  scopes              = [var.networks[each.value.region]]
  severity            = local.severities[each.value.severity]
  frequency           = local.windows[each.value.name] < 15 ? "PT1M" : "PT5M"
  window_size         = "PT${local.windows[each.value.name]}M"
  auto_mitigate       = true
  tags                = local.tags

  criteria {
    metric_namespace = var.metrics
    metric_name      = each.value.measure
    aggregation      = local.windows[each.value.name] > 1 && each.value.statistic != "Sum" ? "Average" : local.aggregations[each.value.statistic]
    operator         = each.value.comparison == "above" ? "GreaterThan" : "LessThan"
    threshold        = each.value.threshold
    # The machines make the metrics, after this.
    skip_metric_validation = true

    dimension {
      name     = "mesh"
      operator = "Include"
      values   = [var.name]
    }

    # Each machine is a series of its own; what counts events counts those of a region.
    dynamic "dimension" {
      for_each = each.value.statistic == "Sum" ? [] : ["relay"]
      content {
        name     = dimension.value
        operator = "Include"
        values   = ["*"]
      }
    }
  }

  dynamic "action" {
    for_each = local.actions
    content {
      action_group_id    = action.value
      webhook_properties = { alert = each.value.name, runbook_url = each.value.runbook_url }
    }
  }
}

# A metric that stops fires nothing in Azure. Traffic Manager asks from outside, and has a metric of the answers.
resource "azurerm_monitor_metric_alert" "relay_down" {
  for_each = var.profiles

  name                = "${var.name}-${each.key}-MoqmeshRelayDown"
  resource_group_name = var.resource_group
  description         = "a relay does not answer Traffic Manager. Run book: ${var.runbooks}#relay_down"
  scopes              = [each.value]
  severity            = 1
  frequency           = "PT1M"
  window_size         = "PT5M"
  auto_mitigate       = true
  tags                = local.tags

  criteria {
    metric_namespace = "Microsoft.Network/trafficManagerProfiles"
    metric_name      = "ProbeAgentCurrentEndpointStateByProfileResourceId"
    aggregation      = "Maximum"
    operator         = "LessThan"
    threshold        = 1

    dimension {
      name     = "EndpointName"
      operator = "Include"
      values   = ["*"]
    }
  }

  dynamic "action" {
    for_each = local.actions
    content {
      action_group_id    = action.value
      webhook_properties = { alert = "MoqmeshRelayDown", runbook_url = "${var.runbooks}#relay_down" }
    }
  }
}

# Each machine writes what it sends in a second once a minute, so the sum of 15 minutes is 15 times that of the region.
resource "azurerm_monitor_metric_alert" "over_budget" {
  for_each = var.budgets

  name                = "${var.name}-${each.key}-MoqmeshRegionOverBudget"
  resource_group_name = var.resource_group
  description         = "the relays of a region send more than planned. Run book: ${var.runbooks}#egress_over_budget"
  scopes              = [var.networks[each.key]]
  severity            = 2
  frequency           = "PT5M"
  window_size         = "PT15M"
  auto_mitigate       = true
  tags                = local.tags

  criteria {
    metric_namespace       = var.metrics
    metric_name            = "egress"
    aggregation            = "Total"
    operator               = "GreaterThan"
    threshold              = each.value / 8 * 15
    skip_metric_validation = true

    dimension {
      name     = "mesh"
      operator = "Include"
      values   = [var.name]
    }
  }

  dynamic "action" {
    for_each = local.actions
    content {
      action_group_id    = action.value
      webhook_properties = { alert = "MoqmeshRegionOverBudget", runbook_url = "${var.runbooks}#egress_over_budget" }
    }
  }
}
