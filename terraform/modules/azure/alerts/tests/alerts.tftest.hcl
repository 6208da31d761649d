# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "azurerm" {}

variables {
  resource_group = "media"
  name           = "moq"
  networks       = { eu = "/subscriptions/1/…/virtualNetworks/moq-eu", us = "/subscriptions/1/…/virtualNetworks/moq-us" }
  profiles       = { watch-eu = "/subscriptions/1/…/trafficManagerProfiles/moq-watch-eu" }
  emails         = { ops = "ops@example.com" }
  budgets        = { eu = 80000000000 }
}

run "every_alarm_is_an_alert_of_each_region" {
  assert {
    condition     = length(output.alerts) > 40 && contains(keys(output.alerts), "eu-MoqmeshCpuHigh") && contains(keys(output.alerts), "us-MoqmeshCpuHigh")
    error_message = join(" ", keys(output.alerts))
  }
  assert {
    condition     = azurerm_monitor_metric_alert.alarm["eu-MoqmeshCpuHigh"].window_size == "PT15M" && azurerm_monitor_metric_alert.alarm["eu-MoqmeshRelayNotLive"].window_size == "PT1M"
    error_message = "a window is not that of the alarm"
  }
  assert {
    condition     = one(azurerm_monitor_metric_alert.alarm["eu-MoqmeshRelayNotReady"].criteria).operator == "LessThan" && one(azurerm_monitor_metric_alert.alarm["eu-MoqmeshFailovers"].criteria).aggregation == "Total"
    error_message = "a condition is not that of the alarm"
  }
  assert {
    condition     = one(azurerm_monitor_metric_alert.over_budget["eu"].criteria).threshold == 150000000000
    error_message = "a budget is in bits a second, the sum in bytes of 15 minutes"
  }
  assert {
    condition     = keys(azurerm_monitor_metric_alert.relay_down) == ["watch-eu"]
    error_message = "not an alert for each profile"
  }
}

run "refuses_alerts_that_reach_no_human" {
  command = plan
  variables {
    emails = {}
  }
  expect_failures = [var.action_groups]
}
