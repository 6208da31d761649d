# With `mock_provider` nothing is made: the values that AWS would set are made up.
mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name     = "moq"
  runbooks = "https://git.example.com/ops/operations.md"
  regions = {
    eu = { location = "eu-central-1", machines = 5, egress_budget = 20000000000 }
    us = { location = "us-east-1", machines = 3 }
  }
  webhooks  = ["https://alerts.example.com/sns"]
  balancers = { eu = { location = "eu-central-1", suffix = "net/moq-eu/1", target_suffix = "targetgroup/moq-eu-quic/1" } }
}

run "each_region_has_every_alarm_and_each_alarm_its_runbook" {
  command = plan
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.relays) == 2 * length(module.alarms.alarms)
    error_message = "a region lacks an alarm"
  }
  assert {
    condition = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.relays), values(aws_cloudwatch_metric_alarm.down), values(aws_cloudwatch_metric_alarm.targets), values(aws_cloudwatch_metric_alarm.budget), values(aws_cloudwatch_metric_alarm.traffic)) :
      can(regex("https://git\\.example\\.com/ops/operations\\.md#[a-z_]+$", alarm.alarm_description))
    ])
    error_message = "an alarm does not end with the address of its runbook"
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.relays["eu-MoqmeshCpuHigh"].metric_name == "cpu" && aws_cloudwatch_metric_alarm.relays["eu-MoqmeshCpuHigh"].threshold == 0.8
      && aws_cloudwatch_metric_alarm.relays["eu-MoqmeshCpuHigh"].comparison_operator == "GreaterThanThreshold" && aws_cloudwatch_metric_alarm.relays["eu-MoqmeshCpuHigh"].evaluation_periods == 10
    )
    error_message = "an alarm has another bound"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.relays["us-MoqmeshRelayNotReady"].comparison_operator == "LessThanThreshold" && aws_cloudwatch_metric_alarm.relays["us-MoqmeshRelayNotReady"].region == "us-east-1"
    error_message = "an alarm is the wrong way, or in the wrong region"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.down["eu"].threshold == 9 && aws_cloudwatch_metric_alarm.down["eu"].treat_missing_data == "breaching"
    error_message = "five machines report ten times in two minutes: nine are too few"
  }
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.budget) == ["eu"] && aws_cloudwatch_metric_alarm.budget["eu"].threshold == 2500000000
    error_message = "the budget is 20 Gbit/s, which are 2.5 GB/s"
  }
  assert {
    condition     = length(aws_sns_topic_subscription.alarms) == 2
    error_message = "a region does not send to the webhook"
  }
}

run "refuses_a_webhook_without_tls" {
  command = plan
  variables {
    webhooks = ["http://alerts.example.com/sns"]
  }
  expect_failures = [var.webhooks]
}

run "refuses_one_region_of_aws_twice" {
  command = plan
  variables {
    regions = {
      eu  = { location = "eu-central-1", machines = 5 }
      eu2 = { location = "eu-central-1", machines = 5 }
    }
  }
  expect_failures = [var.regions]
}
