output "action_group" {
  description = "Id of the action group of the operators."
  value       = azurerm_monitor_action_group.operators.id
}

output "alerts" {
  description = "Id of each alert, by region and name."
  value       = { for name, alert in azurerm_monitor_metric_alert.alarm : name => alert.id }
}

output "without" {
  description = "Alerts of Prometheus that have no alert here, each with the reason."
  value       = { for name, reason in module.alarms.without : name => reason if !contains(["MoqmeshRelayDown", "MoqmeshRegionOverBudget"], name) }
}
