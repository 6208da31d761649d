output "policies" {
  description = "Id of each alert policy, by the name of its alert."
  value       = { for name, policy in google_monitoring_alert_policy.alarm : name => policy.id }
}

output "without" {
  description = "Alerts of Prometheus that have no alert here, each with the reason."
  value       = { for name, reason in module.alarms.without : name => reason if !contains(["MoqmeshRelayDown", "MoqmeshRegionOverBudget"], name) }
}
