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
  name = "moq"
  regions = {
    eu = { location = "eu-central-1", vpc = "vpc-1", subnets = ["subnet-1"] }
    us = { location = "us-east-1", vpc = "vpc-2", subnets = ["subnet-2"], weight = 0 }
  }
}

run "a_load_balancer_follows_quic_by_server_id" {
  command = plan
  assert {
    condition     = alltrue([for listener in values(aws_lb_listener.edges) : listener.protocol == "TCP_QUIC" && listener.port == 443])
    error_message = "a listener is not for QUIC and TCP on one port"
  }
  assert {
    condition     = alltrue([for target in values(aws_lb_target_group.edges) : target.protocol == "TCP_QUIC" && target.health_check[0].path == "/health/ready" && target.health_check[0].port == "4446"])
    error_message = "a target group does not ask for readiness"
  }
  # AWS refuses a listener for QUIC on any other load balancer.
  assert {
    condition     = alltrue([for balancer in values(aws_lb.edges) : balancer.ip_address_type == "ipv4" && balancer.load_balancer_type == "network"])
    error_message = "a load balancer has both families of addresses"
  }
  assert {
    condition     = length(aws_globalaccelerator_accelerator.mesh) == 0 && alltrue([for targets in values(output.targets) : targets[0].quic])
    error_message = "there is an accelerator that was not asked for"
  }
}

run "without_quic_by_address_and_port" {
  command = plan
  variables {
    quic = false
  }
  assert {
    condition     = aws_lb_listener.edges["eu"].protocol == "TCP_UDP" && !output.targets["eu"][0].quic
    error_message = "a listener is for QUIC"
  }
}

run "an_accelerator_leads_to_every_region_with_a_weight" {
  command = plan
  variables {
    accelerator = true
  }
  assert {
    condition     = sort(keys(aws_globalaccelerator_listener.clients)) == tolist(["TCP", "UDP"]) && length(aws_globalaccelerator_endpoint_group.clients) == 4
    error_message = "both protocols lead to both regions"
  }
  assert {
    condition     = aws_globalaccelerator_endpoint_group.clients["us-UDP"].traffic_dial_percentage == 0 && aws_globalaccelerator_endpoint_group.clients["eu-UDP"].traffic_dial_percentage == 100
    error_message = "a region with weight 0 gets viewers"
  }
}

run "refuses_two_regions_of_the_mesh_in_one_of_aws" {
  command = plan
  variables {
    accelerator = true
    regions = {
      eu  = { location = "eu-central-1", vpc = "vpc-1", subnets = ["subnet-1"] }
      eu2 = { location = "eu-central-1", vpc = "vpc-2", subnets = ["subnet-2"] }
    }
  }
  expect_failures = [var.regions]
}
