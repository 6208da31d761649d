output "measures" {
  description = "What each machine measures of its relay every minute, by name: for the module `machine`."
  value = {
    for name, measure in local.measures : name => {
      unit  = measure.unit
      value = merge({ where = {}, unless = {} }, measure.value)
      over  = try(merge({ where = {}, unless = {} }, measure.over), null)
    }
  }
}

output "alarms" {
  description = "Alarms by name: `measure`, `statistic` over the machines of a region, `comparison` (`above` or `below`) with `threshold`, `minutes` until it fires, `severity`, `summary`, `runbook_url`."
  value = {
    for name, alarm in local.alarms : name => {
      measure     = alarm.measure
      unit        = local.measures[alarm.measure].unit
      statistic   = alarm.statistic
      comparison  = can(alarm.above) ? "above" : "below"
      threshold   = try(alarm.above, alarm.below)
      minutes     = alarm.minutes
      severity    = alarm.severity
      summary     = alarm.summary
      runbook_url = "${var.runbooks}#${alarm.runbook}"
    } if !contains(var.disabled, name)
  }
}

output "without" {
  description = "Alerts of Prometheus that are no alarm here, each with the reason."
  value       = local.without
}
