# Alerts of Cloud Monitoring over the measures that machines take of their relays: those of the module `alarms`, one for machines that do not report, and one for egress over
# a budget. Each has the section of the run book.

locals {
  prefix = "custom.googleapis.com/${var.metrics}"
  filter = "resource.type = \"gce_instance\" AND metric.labels.mesh = \"${var.name}\""

  aligners = { Minimum = "ALIGN_MIN", Maximum = "ALIGN_MAX", Sum = "ALIGN_SUM" }

  # A unit in the words of Cloud Monitoring (UCUM).
  units = { "Count" = "1", "None" = "1", "Seconds" = "s", "Bytes/Second" = "By/s", "Count/Second" = "1/s" }

  expected = sum(concat([0], [for group in values(var.groups) : group.min]))

  severities = { critical = "CRITICAL", warning = "WARNING" }
}

module "alarms" {
  source         = "../../alarms"
  runbooks       = var.runbooks
  refused_tokens = var.refused_tokens
  disabled       = var.disabled
}

# An alert over a metric that does not exist yet would be refused.
resource "google_monitoring_metric_descriptor" "measure" {
  for_each = module.alarms.measures

  project      = var.project
  type         = "${local.prefix}/${each.key}"
  display_name = "moqmesh: ${replace(each.key, "_", " ")}"
  description  = "${each.value.value.metric} of a relay"
  metric_kind  = "GAUGE"
  value_type   = "DOUBLE"
  unit         = local.units[each.value.unit]

  dynamic "labels" {
    for_each = { mesh = "name of the mesh", group = "group of machines", location = "region of Google" }
    content {
      key         = labels.key
      value_type  = "STRING"
      description = labels.value
    }
  }
}

resource "google_monitoring_alert_policy" "alarm" {
  for_each = module.alarms.alarms

  project               = var.project
  display_name          = "${var.name} ${each.key}"
  combiner              = "OR"
  severity              = local.severities[each.value.severity]
  notification_channels = var.channels
  user_labels           = merge(var.labels, { mesh = var.name, alert = lower(each.key), severity = each.value.severity })

  conditions {
    display_name = each.value.summary
    condition_threshold {
      filter          = "metric.type = \"${google_monitoring_metric_descriptor.measure[each.value.measure].type}\" AND ${local.filter}"
      comparison      = each.value.comparison == "above" ? "COMPARISON_GT" : "COMPARISON_LT"
      threshold_value = each.value.threshold
      duration        = "${(each.value.minutes - 1) * 60}s"
      # A machine that has ended has no fault any more.
      evaluation_missing_data = each.value.minutes > 1 ? "EVALUATION_MISSING_DATA_INACTIVE" : null

      # Each machine is a series, and the incident names it; what counts events counts those of a region.
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = local.aligners[each.value.statistic]
        cross_series_reducer = each.value.statistic == "Sum" ? "REDUCE_SUM" : "REDUCE_NONE"
        group_by_fields      = each.value.statistic == "Sum" ? ["metric.label.location"] : null
      }

      trigger {
        count = 1
      }
    }
  }

  documentation {
    subject   = "${each.key}: ${each.value.summary}"
    mime_type = "text/markdown"
    content   = "Run book: ${each.value.runbook_url}"
    links {
      display_name = "Run book"
      url          = each.value.runbook_url
    }
  }

  alert_strategy {
    auto_close           = "1800s"
    notification_prompts = ["OPENED", "CLOSED"]
  }
}

# A machine that reports has a relay that answers.
resource "google_monitoring_alert_policy" "relay_down" {
  project               = var.project
  display_name          = "${var.name} MoqmeshRelayDown"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.channels
  user_labels           = merge(var.labels, { mesh = var.name, alert = "moqmeshrelaydown", severity = "critical" })

  conditions {
    display_name = "fewer than ${local.expected} relays report"
    condition_threshold {
      filter                  = "metric.type = \"${google_monitoring_metric_descriptor.measure["ready"].type}\" AND ${local.filter}"
      comparison              = "COMPARISON_LT"
      threshold_value         = local.expected
      duration                = "120s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_COUNT"
        cross_series_reducer = "REDUCE_COUNT"
      }
    }
  }

  documentation {
    subject   = "MoqmeshRelayDown: a relay does not answer"
    mime_type = "text/markdown"
    content   = "Run book: ${var.runbooks}#relay_down"
    links {
      display_name = "Run book"
      url          = "${var.runbooks}#relay_down"
    }
  }

  alert_strategy {
    auto_close           = "1800s"
    notification_prompts = ["OPENED", "CLOSED"]
  }
}

resource "google_monitoring_alert_policy" "over_budget" {
  for_each = var.budgets

  project               = var.project
  display_name          = "${var.name} MoqmeshRegionOverBudget ${each.key}"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.channels
  user_labels           = merge(var.labels, { mesh = var.name, alert = "moqmeshregionoverbudget", severity = "warning" })

  conditions {
    display_name = "the relays in ${each.key} send more than ${each.value} bit/s"
    condition_threshold {
      filter                  = "metric.type = \"${google_monitoring_metric_descriptor.measure["egress"].type}\" AND ${local.filter} AND metric.labels.location = \"${each.key}\""
      comparison              = "COMPARISON_GT"
      threshold_value         = each.value / 8
      duration                = "900s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_INACTIVE"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MEAN"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    subject   = "MoqmeshRegionOverBudget: ${each.key} sends more than planned"
    mime_type = "text/markdown"
    content   = "Run book: ${var.runbooks}#egress_over_budget"
    links {
      display_name = "Run book"
      url          = "${var.runbooks}#egress_over_budget"
    }
  }

  alert_strategy {
    auto_close           = "1800s"
    notification_prompts = ["OPENED", "CLOSED"]
  }
}
