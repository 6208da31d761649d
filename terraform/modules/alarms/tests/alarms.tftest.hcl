run "an_alarm_has_its_runbook" {
  command = plan
  variables {
    runbooks = "https://git.example.com/ops/operations.md"
  }
  assert {
    condition     = output.alarms["MoqmeshCpuHigh"].runbook_url == "https://git.example.com/ops/operations.md#cpu_high"
    error_message = output.alarms["MoqmeshCpuHigh"].runbook_url
  }
}

run "every_alarm_is_over_a_measure_and_has_one_bound" {
  command = plan
  assert {
    condition     = alltrue([for alarm in values(output.alarms) : contains(keys(output.measures), alarm.measure) && alarm.threshold != null])
    error_message = "an alarm has no measure or no threshold"
  }
  assert {
    condition     = output.alarms["MoqmeshRelayNotReady"].comparison == "below" && output.alarms["MoqmeshMemoryHigh"].comparison == "above"
    error_message = "a comparison is the wrong way"
  }
}

run "an_alarm_can_be_left_out" {
  command = plan
  variables {
    disabled = ["MoqmeshPacketLoss"]
  }
  assert {
    condition     = !contains(keys(output.alarms), "MoqmeshPacketLoss")
    error_message = "MoqmeshPacketLoss is still there"
  }
}

run "refuses_to_leave_out_what_does_not_exist" {
  command = plan
  variables {
    disabled = ["MoqmeshCpuLow"]
  }
  expect_failures = [var.disabled]
}

run "refuses_runbooks_with_an_anchor" {
  command = plan
  variables {
    runbooks = "https://git.example.com/ops/operations.md#cpu_high"
  }
  expect_failures = [var.runbooks]
}
