# Relays of one region of AWS: for each group of `topology` a launch template and an Auto Scaling group, with security groups and rights by role. A relay that keeps its
# name is a group of one machine, which AWS replaces when it fails; a pool grows and shrinks with its egress and sessions.

locals {
  roles = toset([for group in values(var.groups) : group.role])
  pools = { for name, group in var.groups : name => group if group.pool }

  # Files with secrets by role.
  files = { for role in local.roles : role => distinct(flatten([for group in values(var.groups) : group.secrets if group.role == role])) }

  # Names in DNS that machines of a role may write; the id of a machine in a pool is any.
  names = {
    for role in local.roles : role => flatten([
      for group in values(var.groups) : [for host in [group.host, group.cluster_host] : replace(host, "@ID@", "*")] if group.role == role
    ])
  }

  dns_zones = compact([var.zones.public, var.zones.private])

  image = var.image != null ? var.image : nonsensitive(data.aws_ssm_parameter.debian[0].value)

  # Roles and profiles of IAM are the account's, not the region's.
  prefix = "${var.name}-${var.region}"

  tags = merge(var.tags, { mesh = var.name })
}

# Debian publishes its images as parameters, for every region and architecture.
data "aws_ssm_parameter" "debian" {
  count  = var.image == null ? 1 : 0
  region = var.location
  name   = "/aws/service/debian/release/13/latest/${var.architecture == "arm64" ? "arm64" : "amd64"}"
}

module "alarms" {
  source = "../../alarms"
}

module "machine" {
  source   = "../../machine"
  for_each = var.groups

  cloud            = "aws"
  mesh             = var.name
  group            = each.value
  scaling_group    = each.key
  package          = var.package
  secrets          = { for file in each.value.secrets : file => var.secrets[file] }
  zones            = var.zones
  targets          = lookup(var.targets, each.value.role, [])
  termination_hook = "drain"
  ports            = var.ports
  metrics          = { namespace = var.metrics, measures = module.alarms.measures }
  logs             = { group = aws_cloudwatch_log_group.relays.name, agent = var.logs.agent }
}

resource "aws_cloudwatch_log_group" "relays" {
  region            = var.location
  name              = "/${var.name}/${var.region}/relays"
  retention_in_days = var.logs.days
  kms_key_id        = var.logs.key
  tags              = local.tags
}

resource "aws_launch_template" "relay" {
  # checkov:skip=CKV_AWS_88:clients reach relays at their own addresses, and relays without clients fetch packages and secrets without a NAT gateway; security groups close them
  for_each = var.groups

  region                 = var.location
  name                   = each.key
  description            = "moqmesh ${each.value.role} in ${var.location}"
  image_id               = local.image
  instance_type          = each.value.size
  user_data              = base64gzip(module.machine[each.key].user_data)
  update_default_version = true
  tags                   = local.tags

  iam_instance_profile {
    arn = aws_iam_instance_profile.relay[each.value.role].arn
  }

  # Clients reach the machine itself: QUIC cannot pass a NAT gateway from outside.
  network_interfaces {
    associate_public_ip_address = true
    ipv6_address_count          = 1
    delete_on_termination       = true
    security_groups             = [aws_security_group.relay[each.value.role].id]
  }

  # Version 2 of the metadata service alone, and from the machine itself alone.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # Metrics of every minute, by which pools scale.
  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_type           = "gp3"
      volume_size           = 16
      encrypted             = true
      kms_key_id            = var.disk_key
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume", "network-interface"])
    content {
      resource_type = tag_specifications.value
      tags          = merge(local.tags, { Name = each.key, role = each.value.role })
    }
  }
}

# A relay that keeps its name: its machine writes its addresses when it starts. Until then they lead nowhere (RFC 5737, RFC 6666). The record is there before the machine, for
# the aliases of the module `dns`.
resource "aws_route53_record" "host" {
  for_each = merge([
    for name, group in var.groups : { for family in ["A", "AAAA"] : "${name}-${family}" => { host = group.host, family = family } } if !group.pool && var.zones.public != null
  ]...)

  zone_id = var.zones.public
  name    = each.value.host
  type    = each.value.family
  ttl     = var.zones.ttl
  records = [each.value.family == "A" ? "192.0.2.1" : "100::1"]

  lifecycle {
    ignore_changes = [records, ttl]
  }
}

resource "aws_autoscaling_group" "relay" {
  for_each = var.groups

  region                    = var.location
  name                      = each.key
  min_size                  = each.value.min
  max_size                  = each.value.max
  vpc_zone_identifier       = var.vpc.subnets
  health_check_type         = "EC2"
  health_check_grace_period = 300
  default_instance_warmup   = var.scaling.warmup
  capacity_rebalance        = each.value.pool && var.spot > 0
  # A machine that is old has had the longest time to collect faults.
  termination_policies = ["OldestInstance"]
  enabled_metrics      = ["GroupInServiceInstances", "GroupDesiredCapacity", "GroupMaxSize"]
  # Machines wait for their secrets as long as it takes.
  wait_for_capacity_timeout = "0"

  dynamic "launch_template" {
    for_each = each.value.pool && var.spot > 0 ? [] : [each.key]
    content {
      id      = aws_launch_template.relay[each.key].id
      version = aws_launch_template.relay[each.key].latest_version
    }
  }

  dynamic "mixed_instances_policy" {
    for_each = each.value.pool && var.spot > 0 ? [each.key] : []
    content {
      instances_distribution {
        on_demand_base_capacity                  = each.value.min
        on_demand_percentage_above_base_capacity = 100 - var.spot
        spot_allocation_strategy                 = "price-capacity-optimized"
      }
      launch_template {
        launch_template_specification {
          launch_template_id = aws_launch_template.relay[each.key].id
          version            = aws_launch_template.relay[each.key].latest_version
        }
      }
    }
  }

  # A new version of the launch template rolls: a pool starts new machines first, a relay that keeps its name is replaced.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = each.value.pool ? 100 : 0
      max_healthy_percentage = each.value.pool ? 125 : 100
      instance_warmup        = var.scaling.warmup
      skip_matching          = true
      auto_rollback          = true
    }
  }

  dynamic "tag" {
    for_each = merge(local.tags, { Name = each.key, role = each.value.role })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    # Scaling sets it.
    ignore_changes = [desired_capacity]
  }

  depends_on = [aws_route53_record.host, aws_iam_role_policy.relay]
}

# Holds the end of a machine until its relay has drained; the machine reports it.
resource "aws_autoscaling_lifecycle_hook" "drain" {
  for_each = var.groups

  region                 = var.location
  name                   = "drain"
  autoscaling_group_name = aws_autoscaling_group.relay[each.key].name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = var.drain
  default_result         = "CONTINUE"
}

resource "aws_autoscaling_policy" "egress" {
  for_each = local.pools

  region                 = var.location
  name                   = "${each.key}-egress"
  autoscaling_group_name = aws_autoscaling_group.relay[each.key].name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    # Bytes of a minute.
    target_value = var.scaling.egress / 8 * 60
    predefined_metric_specification {
      predefined_metric_type = "ASGAverageNetworkOut"
    }
  }
}

resource "aws_autoscaling_policy" "sessions" {
  for_each = local.pools

  region                 = var.location
  name                   = "${each.key}-sessions"
  autoscaling_group_name = aws_autoscaling_group.relay[each.key].name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.scaling.sessions
    customized_metric_specification {
      namespace   = var.metrics
      metric_name = "sessions"
      statistic   = "Average"
      unit        = "Count"
      metric_dimension {
        name  = "AutoScalingGroupName"
        value = each.key
      }
    }
  }
}
