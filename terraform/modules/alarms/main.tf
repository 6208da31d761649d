# What a cloud's own alarms watch: `measures`, which every machine takes of its relay each minute, and `alarms` over them, under the names of deploy/alerts/alerts.yml. It has
# no provider. Prometheus has more: `without` says why an alert of it has no alarm here.

locals {
  refused_tokens = "token_.*|alg_refused|key_unknown|signature_invalid|life_too_long|claims_invalid|issuer_mismatch|audience_mismatch|key_scope_exceeded"

  # `of` joins the series of a metric: sum, min or max. `kind`: gauge; rate, a second; increase, of a minute; p99, of a histogram.
  # `metric` names several with `|` between them. `where` has a regular expression for a label. `over` is what the value is divided by.
  measures = {
    ready               = { unit = "Count", value = { of = "min", kind = "gauge", metric = "moqmesh_ready" } }
    live                = { unit = "Count", value = { of = "min", kind = "gauge", metric = "moqmesh_live" } }
    sessions            = { unit = "Count", value = { of = "sum", kind = "gauge", metric = "moqmesh_sessions" } }
    egress              = { unit = "Bytes/Second", value = { of = "sum", kind = "rate", metric = "moqmesh_wire_sent_bytes_total", where = { role = "client" } } }
    checks_failing      = { unit = "Count", value = { of = "sum", kind = "gauge", metric = "moqmesh_health_check_failing", unless = { code = "no_root|roots_unreachable|registry_unreachable|certificate_expired|files_refused|memory_high|memory_short|udp_drops|file_descriptors_low" } } }
    roots_unreachable   = { unit = "Count", value = { of = "max", kind = "gauge", metric = "moqmesh_health_check_failing", where = { code = "no_root|roots_unreachable" } } }
    defects             = { unit = "Count", value = { of = "sum", kind = "increase", metric = "moqmesh_defects_total" } }
    memory_level        = { unit = "Count", value = { of = "max", kind = "gauge", metric = "moqmesh_memory_level" } }
    udp_drops           = { unit = "Count/Second", value = { of = "sum", kind = "rate", metric = "moqmesh_udp_receive_drops_total" } }
    certificate_left    = { unit = "Seconds", value = { of = "min", kind = "gauge", metric = "moqmesh_certificate_left_seconds" } }
    files_refused       = { unit = "Count", value = { of = "max", kind = "gauge", metric = "moqmesh_files_refused" } }
    refused_tokens      = { unit = "Count/Second", value = { of = "sum", kind = "rate", metric = "moqmesh_sessions_refused_total", where = { code = local.refused_tokens } } }
    refused_others      = { unit = "Count/Second", value = { of = "sum", kind = "rate", metric = "moqmesh_sessions_refused_total", unless = { code = "${local.refused_tokens}|relay_draining" } } }
    handshakes_limited  = { unit = "Count/Second", value = { of = "sum", kind = "rate", metric = "moqmesh_handshakes_limited_total" } }
    delivery_delay      = { unit = "Seconds", value = { of = "sum", kind = "p99", metric = "moqmesh_delivery_delay_seconds" } }
    splice_gap          = { unit = "Seconds", value = { of = "sum", kind = "p99", metric = "moqmesh_mesh_splice_gap_seconds" } }
    failovers           = { unit = "Count", value = { of = "sum", kind = "increase", metric = "moqmesh_mesh_failovers_total" } }
    groups_lost         = { unit = "Count", value = { of = "sum", kind = "increase", metric = "moqmesh_mesh_groups_lost_total" } }
    names_contested     = { unit = "Count", value = { of = "sum", kind = "increase", metric = "moqmesh_registry_contested_total" } }
    registry_backend_up = { unit = "Count", value = { of = "min", kind = "gauge", metric = "moqmesh_registry_backend_up" } }
    log_lines_lost      = { unit = "Count", value = { of = "sum", kind = "increase", metric = "moqmesh_log_lines_lost_total" } }
    webhooks_dropped    = { unit = "Count", value = { of = "sum", kind = "increase", metric = "moqmesh_webhooks_dropped_total" } }
    admin_refused       = { unit = "Count/Second", value = { of = "sum", kind = "rate", metric = "moqmesh_api_requests_refused_total", where = { reason = "credential|right" } } }
    cpu = {
      unit  = "None"
      value = { of = "sum", kind = "rate", metric = "moqmesh_process_cpu_seconds_total" }
      over  = { of = "sum", kind = "gauge", metric = "moqmesh_cpus" }
    }
    # The busiest thread: that of JavaScript, or one of the engine.
    thread_busy   = { unit = "None", value = { of = "max", kind = "rate", metric = "moqmesh_event_loop_busy_seconds_total|moqmesh_engine_worker_busy_seconds_total" } }
    memory        = { unit = "None", value = { of = "sum", kind = "gauge", metric = "moqmesh_process_resident_memory_bytes" }, over = { of = "sum", kind = "gauge", metric = "moqmesh_memory_limit_bytes" } }
    descriptors   = { unit = "None", value = { of = "sum", kind = "gauge", metric = "moqmesh_process_open_fds" }, over = { of = "sum", kind = "gauge", metric = "moqmesh_process_max_fds" } }
    session_share = { unit = "None", value = { of = "sum", kind = "gauge", metric = "moqmesh_sessions" }, over = { of = "sum", kind = "gauge", metric = "moqmesh_limit", where = { limit = "limits.sessions" } } }
    packets_lost  = { unit = "None", value = { of = "sum", kind = "rate", metric = "moqmesh_packets_lost_total" }, over = { of = "sum", kind = "rate", metric = "moqmesh_packets_sent_total" } }
  }

  # A machine that starts or drains is not ready for less than a minute: that is one measure.
  # `minutes` is how long it lasts before the alarm: each of them must be over the threshold. An alarm is over the worst machine of a region.
  alarms = {
    MoqmeshRelayNotReady      = { measure = "ready", statistic = "Minimum", below = 1, minutes = 2, severity = "critical", runbook = "relay_not_ready", summary = "a relay accepts no sessions" }
    MoqmeshRelayNotLive       = { measure = "live", statistic = "Minimum", below = 1, minutes = 1, severity = "critical", runbook = "relay_not_ready", summary = "a relay needs a restart" }
    MoqmeshHealthCheck        = { measure = "checks_failing", statistic = "Maximum", above = 0, minutes = 2, severity = "warning", runbook = "health", summary = "a health check of a relay fails that has no alarm of its own" }
    MoqmeshDefects            = { measure = "defects", statistic = "Sum", above = 0, minutes = 1, severity = "warning", runbook = "defects", summary = "a relay met a defect of its own" }
    MoqmeshCpuHigh            = { measure = "cpu", statistic = "Maximum", above = 0.8, minutes = 10, severity = "warning", runbook = "cpu_high", summary = "a relay uses more than 80 % of its CPU" }
    MoqmeshThreadBusy         = { measure = "thread_busy", statistic = "Maximum", above = 0.8, minutes = 10, severity = "warning", runbook = "cpu_high", summary = "a thread of a relay is nearly full" }
    MoqmeshMemoryHigh         = { measure = "memory", statistic = "Maximum", above = 0.9, minutes = 5, severity = "warning", runbook = "memory_high", summary = "a relay uses more than 90 % of its memory" }
    MoqmeshMemoryShedding     = { measure = "memory_level", statistic = "Maximum", above = 1, minutes = 1, severity = "critical", runbook = "memory_short", summary = "a relay refuses sessions for want of memory" }
    MoqmeshFileDescriptors    = { measure = "descriptors", statistic = "Maximum", above = 0.8, minutes = 5, severity = "warning", runbook = "file_descriptors_low", summary = "a relay has more than 80 % of its file descriptors open" }
    MoqmeshUdpDrops           = { measure = "udp_drops", statistic = "Maximum", above = 1, minutes = 5, severity = "warning", runbook = "udp_receive_drops", summary = "the system drops packets of a relay" }
    MoqmeshCertificateExpires = { measure = "certificate_left", statistic = "Minimum", below = 604800, minutes = 10, severity = "warning", runbook = "certificate_expires_soon", summary = "a certificate ends in less than seven days" }
    MoqmeshCertificateExpired = { measure = "certificate_left", statistic = "Minimum", below = 3600, minutes = 1, severity = "critical", runbook = "certificate_expired", summary = "a certificate ends within the hour" }
    MoqmeshFilesRefused       = { measure = "files_refused", statistic = "Maximum", above = 0, minutes = 5, severity = "warning", runbook = "files_refused", summary = "a relay cannot use its new files" }
    MoqmeshAuthFailures       = { measure = "refused_tokens", statistic = "Maximum", above = var.refused_tokens, minutes = 2, severity = "warning", runbook = "auth_failures", summary = "a relay refuses many tokens" }
    MoqmeshRefusals           = { measure = "refused_others", statistic = "Maximum", above = 1, minutes = 5, severity = "warning", runbook = "refusals", summary = "a relay refuses clients for other reasons than their tokens" }
    MoqmeshHandshakesLimited  = { measure = "handshakes_limited", statistic = "Maximum", above = 10, minutes = 5, severity = "warning", runbook = "handshakes_limited", summary = "more connections come than limits.handshake_rate allows" }
    MoqmeshSessionsNearLimit  = { measure = "session_share", statistic = "Maximum", above = 0.8, minutes = 5, severity = "warning", runbook = "sessions_near_limit", summary = "a relay has more than 80 % of the sessions that it may have" }
    MoqmeshDeliveryDelay      = { measure = "delivery_delay", statistic = "Maximum", above = 1, minutes = 5, severity = "warning", runbook = "delivery_delay", summary = "1 % of a relay's groups leave it more than a second late" }
    MoqmeshRootUnreachable    = { measure = "roots_unreachable", statistic = "Maximum", above = 0, minutes = 2, severity = "critical", runbook = "roots_unreachable", summary = "a relay reaches no root" }
    MoqmeshRegistryDown       = { measure = "registry_backend_up", statistic = "Minimum", below = 1, minutes = 1, severity = "critical", runbook = "registry_unreachable", summary = "a root does not reach the shared registry" }
    MoqmeshNameTwice          = { measure = "names_contested", statistic = "Sum", above = 0, minutes = 1, severity = "warning", runbook = "node_taken", summary = "two relays have one name" }
    MoqmeshFailovers          = { measure = "failovers", statistic = "Sum", above = 10, minutes = 1, severity = "warning", runbook = "failovers", summary = "tracks lost their relay" }
    MoqmeshGroupsLost         = { measure = "groups_lost", statistic = "Sum", above = 0, minutes = 1, severity = "warning", runbook = "failovers", summary = "groups were lost in a failover" }
    MoqmeshSpliceGap          = { measure = "splice_gap", statistic = "Maximum", above = 1, minutes = 1, severity = "warning", runbook = "failovers", summary = "failovers take more than a second" }
    MoqmeshPacketLoss         = { measure = "packets_lost", statistic = "Maximum", above = 0.05, minutes = 10, severity = "warning", runbook = "packet_loss", summary = "a relay loses more than 5 % of its packets" }
    MoqmeshLogLinesLost       = { measure = "log_lines_lost", statistic = "Sum", above = 0, minutes = 1, severity = "warning", runbook = "log_lines_lost", summary = "a relay cannot write its log" }
    MoqmeshWebhooksFailing    = { measure = "webhooks_dropped", statistic = "Sum", above = 0, minutes = 1, severity = "warning", runbook = "webhooks_failing", summary = "a relay drops events of webhooks" }
    MoqmeshAdminRefused       = { measure = "admin_refused", statistic = "Maximum", above = 0.2, minutes = 5, severity = "warning", runbook = "admin_refused", summary = "requests to an admin API have no good credential" }
  }

  without = {
    MoqmeshRelayDown        = "the module of the cloud counts the machines that report"
    MoqmeshRestarts         = "systemd restarts the relay; the alarm MoqmeshRelayNotReady fires if that does not help"
    MoqmeshTrafficUp        = "compares with the hour before: the module of the cloud uses the cloud's anomaly detection, where it has one"
    MoqmeshTrafficDown      = "as MoqmeshTrafficUp"
    MoqmeshGroupsDropped    = "compares two rates of one relay and needs both to be high"
    MoqmeshCacheEvictions   = "compares rates of three metrics"
    MoqmeshRegionOverBudget = "the module of the cloud takes the budget as a variable, where it has the sum of a region"
    MoqmeshTenantOverBudget = "each tenant would be a metric of its own, which the cloud bills by the month"
  }
}
