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
  region   = "eu"
  location = "eu-central-1"
  image    = "ami-0123456789abcdef0"
  vpc      = { id = "vpc-1", subnets = ["subnet-1", "subnet-2"] }
  zones    = { public = "Z0123456789ABCDEFGHIJ", private = "Z9876543210ABCDEFGHIJ" }
  package  = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  targets  = { edge = [{ arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/moq-eu-quic/1", quic = true }] }
  secrets = {
    "secrets/cluster.jwk"  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:moq/secrets/cluster.jwk-1"
    "secrets/registry.url" = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:moq/secrets/registry.url-1"
  }
  firewall = {
    root = [
      { protocol = "udp", port = 4445, from = ["10.64.0.0/16"], why = "relays over QUIC" },
      { protocol = "tcp", port = 4444, from = ["10.64.0.0/10"], why = "operators and Prometheus" },
    ]
    edge = [
      { protocol = "udp", port = 443, from = ["0.0.0.0/0", "::/0"], why = "clients over QUIC" },
      { protocol = "tcp", port = 443, from = ["0.0.0.0/0", "::/0"], why = "clients over WebSocket, and the fingerprint" },
    ]
  }
  groups = {
    moq-eu-root-1 = {
      name   = "moq-eu-root-1", region = "eu", role = "root", pool = false, location = "eu-central-1", size = "t4g.small", min = 1, max = 1
      host   = "moq-eu-root-1.live.example.com", cluster_host = "moq-eu-root-1.mesh.live.example.com"
      config = "", secrets = ["secrets/cluster.jwk", "secrets/registry.url"]
    }
    moq-eu-edge = {
      name   = "moq-eu-edge-@ID@", region = "eu", role = "edge", pool = true, location = "eu-central-1", size = "c7gn.xlarge", min = 2, max = 8
      host   = "moq-eu-edge-@ID@.live.example.com", cluster_host = "moq-eu-edge-@ID@.mesh.live.example.com"
      config = "", secrets = ["secrets/cluster.jwk"]
    }
  }
}

run "a_pool_and_a_relay_that_keeps_its_name" {
  # Rights by role: what a machine of the role may do, and no more.
  assert {
    condition     = { for statement in local.statements["edge"] : statement.Sid => statement.Resource if statement.Sid == "Secrets" }["Secrets"] == [var.secrets["secrets/cluster.jwk"]]
    error_message = "an edge may read the secrets of a root"
  }
  assert {
    condition     = length(local.statements["root"][0].Resource) == 2 && !contains([for statement in local.statements["root"] : statement.Sid], "OwnTargets")
    error_message = "a root has no target group"
  }
  assert {
    condition = [for statement in local.statements["edge"] : statement.Condition["ForAllValues:StringLike"]["route53:ChangeResourceRecordSetsNormalizedRecordNames"] if statement.Sid == "OwnNames"][0] == [
      "moq-eu-edge-*.live.example.com", "moq-eu-edge-*.mesh.live.example.com",
    ]
    error_message = "an edge may write other names than those of its pool"
  }
  assert {
    condition     = alltrue(flatten([for statements in values(local.statements) : [for statement in statements : !contains(statement.Resource, "*") || statement.Sid == "Metrics"]]))
    error_message = "a right is for all resources"
  }

  # Machines.
  assert {
    condition     = alltrue([for template in values(aws_launch_template.relay) : template.metadata_options[0].http_tokens == "required" && template.block_device_mappings[0].ebs[0].encrypted == "true"])
    error_message = "a machine has version 1 of the metadata service, or a disk that is not encrypted"
  }
  assert {
    condition     = alltrue([for template in values(aws_launch_template.relay) : length(template.user_data) * 3 / 4 < 16384])
    error_message = "AWS takes user data of 16 KiB"
  }
  assert {
    condition     = aws_autoscaling_group.relay["moq-eu-root-1"].max_size == 1 && aws_autoscaling_group.relay["moq-eu-edge"].min_size == 2 && aws_autoscaling_group.relay["moq-eu-edge"].max_size == 8
    error_message = "a group has the wrong size"
  }
  assert {
    condition = length(aws_autoscaling_lifecycle_hook.drain) == 2 && alltrue([
      for hook in values(aws_autoscaling_lifecycle_hook.drain) : hook.heartbeat_timeout == 120 && hook.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING"
    ])
    error_message = "a group ends machines that have not drained"
  }
  assert {
    condition     = aws_autoscaling_group.relay["moq-eu-edge"].instance_refresh[0].preferences[0].min_healthy_percentage == 100
    error_message = "a new version takes machines from a pool before it adds new ones"
  }
  assert {
    condition     = keys(aws_autoscaling_policy.egress) == ["moq-eu-edge"] && aws_autoscaling_policy.egress["moq-eu-edge"].target_tracking_configuration[0].target_value == 22500000000
    error_message = "3 Gbit/s are 22.5 GB a minute"
  }
  assert {
    condition     = one(one(aws_autoscaling_policy.sessions["moq-eu-edge"].target_tracking_configuration).customized_metric_specification).metric_name == "sessions" && contains(keys(module.alarms.measures), "sessions")
    error_message = "a pool scales by a metric that machines do not measure"
  }

  # Firewall.
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.relay) == 6 && aws_vpc_security_group_ingress_rule.relay["edge-udp-443-::/0"].cidr_ipv6 == "::/0"
    error_message = "rules: ${jsonencode(keys(aws_vpc_security_group_ingress_rule.relay))}"
  }
  assert {
    condition     = alltrue([for rule in values(aws_vpc_security_group_ingress_rule.relay) : rule.from_port == 443 || rule.cidr_ipv4 != "0.0.0.0/0"])
    error_message = "the world reaches another port than that of clients"
  }

  # Names: there is a record before the machine that writes into it.
  assert {
    condition     = sort(keys(aws_route53_record.host)) == tolist(["moq-eu-root-1-A", "moq-eu-root-1-AAAA"])
    error_message = "records: ${jsonencode(keys(aws_route53_record.host))}"
  }
}

run "spot_machines_in_pools_alone" {
  command = plan
  variables {
    spot = 60
  }
  assert {
    condition = (
      aws_autoscaling_group.relay["moq-eu-edge"].mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 40
      && aws_autoscaling_group.relay["moq-eu-edge"].capacity_rebalance && length(aws_autoscaling_group.relay["moq-eu-root-1"].mixed_instances_policy) == 0
    )
    error_message = "a root may be a spot machine, or a pool has none"
  }
}

run "refuses_a_group_of_another_region" {
  command = plan
  variables {
    location = "us-east-1"
  }
  expect_failures = [var.groups]
}

run "refuses_a_location_of_another_cloud" {
  command = plan
  variables {
    location = "europe-west3"
  }
  expect_failures = [var.location]
}

run "refuses_too_little_time_to_drain" {
  command = plan
  variables {
    drain = 30
  }
  expect_failures = [var.drain]
}

run "refuses_days_that_cloudwatch_does_not_offer" {
  command = plan
  variables {
    logs = { days = 10 }
  }
  expect_failures = [var.logs]
}

run "refuses_half_a_spot_machine" {
  command = plan
  variables {
    spot = 12.5
  }
  expect_failures = [var.spot]
}
