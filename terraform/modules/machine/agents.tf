# The agents of the clouds, which ship the relay's log.

locals {
  agents = {
    aws = {
      files = {
        "/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json" = {
          mode = "0644"
          content = jsonencode({
            logs = {
              logs_collected = {
                files = {
                  collect_list = [{
                    file_path       = "/var/log/moqmesh/relay.log"
                    log_group_name  = try(var.logs.group, "")
                    log_stream_name = "${var.group.name}-{instance_id}"
                  }]
                }
              }
            }
          })
        }
      }
      commands = [
        ["/usr/local/lib/moqmesh/machine", "install", try(var.logs.agent.url, ""), try(var.logs.agent.sha256, "")],
        ["systemctl", "enable", "--now", "amazon-cloudwatch-agent.service"],
      ]
    }
    google = {
      files = {
        "/etc/google-cloud-ops-agent/config.yaml" = {
          mode = "0644"
          content = jsonencode({
            logging = {
              receivers  = { relay = { type = "files", include_paths = ["/var/log/moqmesh/relay.log"] } }
              processors = { json = { type = "parse_json" } }
              service    = { pipelines = { relay = { receivers = ["relay"], processors = ["json"] } } }
            }
          })
        }
      }
      commands = [
        ["/usr/local/lib/moqmesh/machine", "install", try(var.logs.agent.url, ""), try(var.logs.agent.sha256, "")],
        ["systemctl", "restart", "google-cloud-ops-agent.service"],
      ]
    }
    # terraform/modules/azure/relay installs the agent as an extension.
    azure = { files = {}, commands = [] }
  }
}
