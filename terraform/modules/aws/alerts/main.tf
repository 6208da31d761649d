# Alarms in CloudWatch: those of the module `alarms` for each region, the machines that report, and the load balancers. They are sent to a topic of SNS in each region.

locals {
  tags = merge(var.tags, { mesh = var.name })

  alarms = merge([
    for region, at in var.regions : { for name, alarm in module.alarms.alarms : "${region}-${name}" => merge(alarm, { name = name, region = region, location = at.location }) }
  ]...)

  topics = { for name, topic in aws_sns_topic.alarms : name => topic.arn }
}

module "alarms" {
  source         = "../../alarms"
  runbooks       = var.runbooks
  refused_tokens = var.refused_tokens
  disabled       = var.disabled
}

resource "aws_sns_topic" "alarms" {
  for_each = var.regions

  region            = each.value.location
  name              = "${var.name}-${each.key}-alarms"
  kms_master_key_id = lookup(var.keys, each.key, null)
  tags              = local.tags
}

# CloudWatch of this account may publish, and no other.
resource "aws_sns_topic_policy" "alarms" {
  for_each = var.regions

  region = each.value.location
  arn    = aws_sns_topic.alarms[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sns:Publish"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = aws_sns_topic.alarms[each.key].arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

data "aws_caller_identity" "current" {}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = merge([
    for region, at in var.regions : { for url in var.webhooks : "${region} ${url}" => { region = region, location = at.location, url = url } }
  ]...)

  region                 = each.value.location
  topic_arn              = local.topics[each.value.region]
  protocol               = "https"
  endpoint               = each.value.url
  endpoint_auto_confirms = true
}

# The worst machine of the region decides. A machine that does not report has MoqmeshRelayDown, so that a gap in a measure is no alarm of its own.
resource "aws_cloudwatch_metric_alarm" "relays" {
  for_each = local.alarms

  region              = each.value.location
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "[${each.value.severity}] ${each.value.region}: ${each.value.summary}. ${each.value.runbook_url}"
  namespace           = var.metrics
  metric_name         = each.value.measure
  dimensions          = { Mesh = var.name }
  statistic           = each.value.statistic
  unit                = each.value.unit
  period              = 60
  evaluation_periods  = each.value.minutes
  comparison_operator = each.value.comparison == "above" ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.topics[each.value.region]]
  ok_actions          = [local.topics[each.value.region]]
  tags                = merge(local.tags, { severity = each.value.severity })
}

# Each machine reports `ready` once a minute, so the samples of two minutes count the machines twice.
resource "aws_cloudwatch_metric_alarm" "down" {
  for_each = var.regions

  region              = each.value.location
  alarm_name          = "${var.name}-${each.key}-MoqmeshRelayDown"
  alarm_description   = "[critical] ${each.key}: a relay does not report its measures. ${var.runbooks}#relay_down"
  namespace           = var.metrics
  metric_name         = "ready"
  dimensions          = { Mesh = var.name }
  statistic           = "SampleCount"
  period              = 120
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = each.value.machines * 2 - 1
  treat_missing_data  = "breaching"
  alarm_actions       = [local.topics[each.key]]
  ok_actions          = [local.topics[each.key]]
  tags                = merge(local.tags, { severity = "critical" })
}

# Traffic outside of what CloudWatch has learned of it, up or down.
resource "aws_cloudwatch_metric_alarm" "traffic" {
  for_each = var.traffic ? merge([
    for region, at in var.regions : {
      for name, way in { MoqmeshTrafficUp = "GreaterThanUpperThreshold", MoqmeshTrafficDown = "LessThanLowerThreshold" } :
      "${region}-${name}" => { region = region, location = at.location, way = way }
    }
  ]...) : {}

  region              = each.value.location
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "[warning] ${each.value.region}: the relays send far more or far less than is usual at this hour. ${var.runbooks}#abnormal_traffic"
  comparison_operator = each.value.way
  evaluation_periods  = 10
  threshold_metric_id = "usual"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.topics[each.value.region]]
  tags                = merge(local.tags, { severity = "warning" })

  metric_query {
    id          = "egress"
    return_data = true
    metric {
      namespace   = var.metrics
      metric_name = "egress"
      stat        = "Sum"
      period      = 60
      unit        = "Bytes/Second"
      dimensions  = { Mesh = var.name }
    }
  }

  metric_query {
    id          = "usual"
    expression  = "ANOMALY_DETECTION_BAND(egress, 4)"
    label       = "usual egress"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "budget" {
  for_each = { for name, region in var.regions : name => region if region.egress_budget != null }

  region              = each.value.location
  alarm_name          = "${var.name}-${each.key}-MoqmeshRegionOverBudget"
  alarm_description   = "[warning] ${each.key}: egress to viewers is over its budget. ${var.runbooks}#egress_over_budget"
  namespace           = var.metrics
  metric_name         = "egress"
  dimensions          = { Mesh = var.name }
  statistic           = "Sum"
  unit                = "Bytes/Second"
  period              = 60
  evaluation_periods  = 10
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.egress_budget / 8
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.topics[each.key]]
  ok_actions          = [local.topics[each.key]]
  tags                = merge(local.tags, { severity = "warning" })
}

resource "aws_cloudwatch_metric_alarm" "targets" {
  for_each = var.balancers

  region              = each.value.location
  alarm_name          = "${var.name}-${each.key}-LoadBalancerTargets"
  alarm_description   = "[critical] ${each.key}: the load balancer finds no ready edge. ${var.runbooks}#relay_not_ready"
  namespace           = "AWS/NetworkELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = each.value.suffix, TargetGroup = each.value.target_suffix }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [local.topics[each.key]]
  ok_actions          = [local.topics[each.key]]
  tags                = merge(local.tags, { severity = "critical" })
}
