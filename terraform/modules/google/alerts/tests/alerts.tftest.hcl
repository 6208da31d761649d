# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "google" {}

variables {
  project  = "media-123456"
  name     = "moq"
  channels = ["projects/media-123456/notificationChannels/1234567890"]
  groups   = { moq-eu-root-1 = { min = 1 }, moq-eu-edge = { min = 2 } }
  budgets  = { europe-west3 = 80000000000 }
}

run "every_alarm_is_a_policy" {
  assert {
    condition     = contains(keys(output.policies), "MoqmeshCpuHigh") && length(output.policies) > 20
    error_message = join(" ", keys(output.policies))
  }
  assert {
    condition     = google_monitoring_alert_policy.alarm["MoqmeshCpuHigh"].conditions[0].condition_threshold[0].duration == "540s" && google_monitoring_alert_policy.alarm["MoqmeshRelayNotReady"].conditions[0].condition_threshold[0].comparison == "COMPARISON_LT"
    error_message = "a condition is not that of the alarm"
  }
  assert {
    condition     = google_monitoring_alert_policy.relay_down.conditions[0].condition_threshold[0].threshold_value == 3
    error_message = "three machines must report"
  }
  assert {
    condition     = google_monitoring_alert_policy.over_budget["europe-west3"].conditions[0].condition_threshold[0].threshold_value == 10000000000
    error_message = "a budget is in bits, the measure in bytes"
  }
}

run "refuses_alerts_that_reach_no_human" {
  command = plan
  variables {
    channels = []
  }
  expect_failures = [var.channels]
}
