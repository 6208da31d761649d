# User data of the machine of a relay, for cloud-init on Debian 13: install the package, tune the system, read the secrets, start the relay, write its DNS names, and
# drain when the cloud announces the end of the machine. It has no provider. What differs by cloud is in `clouds/`.

locals {
  # What the scripts know about their machine. The values are checked above or come from the cloud, and have no quotes.
  environment = merge(
    {
      GROUP        = var.group.name
      MESH         = var.mesh
      SCALING      = var.scaling_group
      LOCATION     = var.group.location
      HOST         = var.group.host
      CLUSTER_HOST = var.group.cluster_host
      POOL         = var.group.pool ? "yes" : "no"
      HEALTH_PORT  = tostring(var.ports.health)
      PUBLIC_PORT  = tostring(var.ports.public)
      ZONE_TTL     = tostring(var.zones.ttl)
      TARGETS      = join(" ", [for target in var.targets : "${target.quic ? "quic" : "udp"},${target.arn}"])
    },
    var.zones.public == null ? {} : { PUBLIC_ZONE = var.zones.public },
    var.zones.private == null ? {} : { PRIVATE_ZONE = var.zones.private },
    var.metrics == null ? {} : { NAMESPACE = var.metrics.namespace, ADMIN_PORT = tostring(var.ports.admin) },
    var.termination_hook == null ? {} : { TERMINATION_HOOK = var.termination_hook },
    var.settings,
  )

  agent = try(var.logs.agent, null) == null ? { files = {}, commands = [] } : local.agents[var.cloud]

  measures = var.metrics == null ? {} : {
    "/etc/moqmesh/measures.json"                  = { mode = "0644", content = "${jsonencode(var.metrics.measures)}\n" }
    "/usr/local/lib/moqmesh/measure.mts"          = { mode = "0644", content = file("${path.module}/files/measure.mts") }
    "/etc/systemd/system/moqmesh-measure.service" = { mode = "0644", content = file("${path.module}/files/moqmesh-measure.service") }
    "/etc/systemd/system/moqmesh-measure.timer"   = { mode = "0644", content = file("${path.module}/files/moqmesh-measure.timer") }
  }

  files = merge(
    {
      "/etc/moqmesh/relay.toml.in" = { mode = "0644", content = var.group.config }
      "/etc/moqmesh/machine.env" = {
        mode    = "0644"
        content = join("", [for name, value in local.environment : "${name}=\"${value}\"\n"])
      }
      "/etc/moqmesh/machine.secrets" = {
        mode    = "0644"
        content = join("", [for file in var.group.secrets : "/etc/moqmesh/${file} ${var.secrets[file]}\n"])
      }
      "/usr/local/lib/moqmesh/machine"                     = { mode = "0755", content = file("${path.module}/files/machine.sh") }
      "/usr/local/lib/moqmesh/cloud.sh"                    = { mode = "0644", content = file("${path.module}/clouds/${var.cloud}.sh") }
      "/etc/sysctl.d/60-moqmesh.conf"                      = { mode = "0644", content = file("${path.module}/../../../deploy/sysctl.d/60-moqmesh.conf") }
      "/etc/logrotate.d/moqmesh"                           = { mode = "0644", content = file("${path.module}/files/logrotate.conf") }
      "/etc/systemd/system/moqmesh-machine.service"        = { mode = "0644", content = file("${path.module}/files/moqmesh-machine.service") }
      "/etc/systemd/system/moqmesh-join.service"           = { mode = "0644", content = file("${path.module}/files/moqmesh-join.service") }
      "/etc/systemd/system/moqmesh-secrets.service"        = { mode = "0644", content = file("${path.module}/files/moqmesh-secrets.service") }
      "/etc/systemd/system/moqmesh-secrets.timer"          = { mode = "0644", content = file("${path.module}/files/moqmesh-secrets.timer") }
      "/etc/systemd/system/moqmesh-notice.service"         = { mode = "0644", content = file("${path.module}/files/moqmesh-notice.service") }
      "/etc/systemd/system/moqmesh.service.d/machine.conf" = { mode = "0644", content = file("${path.module}/files/moqmesh.service.conf") }
    },
    # AWS and Azure wait while a machine that is to end drains. On Google Cloud the shutdown of the system is all the notice that there is.
    var.cloud != "google" ? {} : {
      "/etc/systemd/system/moqmesh.service.d/end.conf" = { mode = "0644", content = file("${path.module}/files/moqmesh.service.end.conf") }
    },
    local.measures,
    local.agent.files,
  )

  packages = ["ca-certificates", "curl", "jq", "logrotate"]

  commands = concat(
    [
      ["sysctl", "--system"],
      ["/usr/local/lib/moqmesh/machine", "install", var.package.url, var.package.sha256],
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "moqmesh-machine.service", "moqmesh.service", "moqmesh-notice.service", "moqmesh-secrets.timer"],
      # The relay waits for its secrets; cloud-init does not.
      ["systemctl", "restart", "--no-block", "moqmesh.service"],
      ["systemctl", "start", "--no-block", "moqmesh-notice.service", "moqmesh-secrets.timer"],
    ],
    var.metrics == null ? [] : [["systemctl", "enable", "--now", "moqmesh-measure.timer"]],
    local.agent.commands,
  )

  user_data = join("\n", ["#cloud-config", jsonencode({
    package_update = true
    packages       = local.packages
    write_files = [
      for path, file in local.files : { path = path, permissions = file.mode, owner = "root:root", content = file.content }
    ]
    runcmd = local.commands
  }), ""])

  # A word has no quotes: the variables say so.
  script = templatefile("${path.module}/files/startup.sh", {
    packages = join(" ", local.packages)
    files    = [for path, file in local.files : { path = path, mode = file.mode, content = base64gzip(file.content) }]
    commands = [for words in local.commands : join("", [startswith(words[0], "/") ? "\"$root\"" : "", join(" ", [for word in words : "'${word}'"])])]
  })
}
