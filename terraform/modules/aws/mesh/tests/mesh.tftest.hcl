# With `mock_provider` nothing is made: the values that AWS would set are made up.
mock_provider "aws" {
  mock_resource "aws_vpc" {
    defaults = { ipv6_cidr_block = "2600:1f00:1234:5600::/56" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:moq-AbCdEf" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  domain         = "live.example.com"
  cluster_domain = "mesh.live.example.com"
  zone           = "Z0123456789ABCDEFGHIJ"
  regions = {
    eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 1, regionals = 1, edges = 2, max = { edge = 8 } }
    us = { cloud = "aws", location = "us-east-1", roots = 1, origins = 1, regionals = 1, edges = 2, max = { edge = 8 } }
    ap = { cloud = "aws", location = "ap-southeast-1", edges = 1, weight = 50 }
  }
  home = "ap"
  networks = {
    eu = { cidr = "10.65.0.0/16", zones = ["eu-central-1a", "eu-central-1b"] }
    us = { cidr = "10.66.0.0/16", zones = ["us-east-1a", "us-east-1b"] }
    ap = { cidr = "10.64.0.0/16", zones = ["ap-southeast-1a"] }
  }
  admin_networks = ["10.64.0.0/10"]
  package        = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  balancer       = {}
}

run "networks_secrets_groups_and_load_balancers_of_three_regions" {
  command = plan
  assert {
    condition     = { for name, vpc in aws_vpc.region : name => vpc.region } == { ap = "ap-southeast-1", eu = "eu-central-1", us = "us-east-1" }
    error_message = "a region has no network"
  }
  assert {
    condition     = length(aws_vpc_peering_connection.regions) == 3 && length(aws_route.regions) == 6
    error_message = "regions are not joined in pairs, both ways"
  }
  assert {
    condition     = alltrue([for name, pair in aws_vpc_peering_connection_accepter.regions : pair.region == aws_vpc_peering_connection.regions[name].peer_region])
    error_message = "a peering is accepted in the wrong region"
  }
  assert {
    condition     = alltrue([for name, route in aws_route.regions : route.destination_cidr_block == module.network.routes[name].cidr])
    error_message = "a route leads to the wrong network"
  }

  # secrets have no values and a copy in each region
  assert {
    condition     = sort(keys(aws_secretsmanager_secret.relay)) == tolist(["secrets/admin.token", "secrets/cluster.jwk", "secrets/keys.json", "tls/fullchain.pem", "tls/privkey.pem"])
    error_message = jsonencode(keys(aws_secretsmanager_secret.relay))
  }
  assert {
    condition     = alltrue([for secret in values(aws_secretsmanager_secret.relay) : toset(secret.replica[*].region) == toset(["eu-central-1", "us-east-1"]) && secret.region == "ap-southeast-1"])
    error_message = "a secret is not copied to the other regions"
  }

  # groups are pools or single machines
  assert {
    condition     = output.groups["moq-eu-edge"].min == 2 && output.groups["moq-eu-edge"].max == 8 && output.groups["moq-eu-root-1"].max == 1
    error_message = "a group has the wrong size"
  }
  assert {
    condition     = output.alarm_regions == { ap = { location = "ap-southeast-1", machines = 1 }, eu = { location = "eu-central-1", machines = 5 }, us = { location = "us-east-1", machines = 5 } }
    error_message = jsonencode(output.alarm_regions)
  }

  # each region has a load balancer
  assert {
    condition     = sort(keys(output.balancers)) == tolist(["ap", "eu", "us"]) && output.accelerator == null
    error_message = "a region has no load balancer"
  }
}

run "a_machine_reads_the_copy_of_its_own_region" {
  variables {
    regions = {
      ap = { cloud = "aws", location = "ap-southeast-1", roots = 1, origins = 1 }
      us = { cloud = "aws", location = "us-east-1", edges = 1 }
    }
    balancer = null
  }
  assert {
    condition     = local.secrets["us"]["tls/privkey.pem"] == "arn:aws:secretsmanager:us-east-1:123456789012:secret:moq-AbCdEf"
    error_message = "the copy of a secret has the ARN of its own region: ${local.secrets["us"]["tls/privkey.pem"]}"
  }
}

run "an_accelerator_before_all_regions" {
  command = plan
  variables {
    balancer = { accelerator = true }
  }
  assert {
    condition     = length(module.balancer[0].accelerator[*]) == 1
    error_message = "there is no accelerator"
  }
}

run "regions_of_other_clouds_are_not_made_here" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 1, edges = 1 }
      us = { cloud = "google", location = "us-east4", roots = 1, edges = 2 }
    }
    cluster_domain = null
    balancer       = null
    home           = "eu"
  }
  assert {
    condition     = sort(keys(aws_vpc.region)) == tolist(["eu"]) && length(output.groups) == 3
    error_message = "a region of another cloud has a network of AWS"
  }
  assert {
    condition     = output.private_zone == null && length(output.hosts) == 6
    error_message = "the names of the other cloud's relays are missing"
  }
  assert {
    condition     = strcontains(output.groups["moq-eu-edge-1"].config, "moq-us-root-1.live.example.com:4445")
    error_message = "relays do not know the root of the other cloud"
  }
}

run "refuses_a_pool_of_edges_without_a_load_balancer" {
  command = plan
  variables {
    balancer = null
  }
  expect_failures = [var.balancer]
}

run "refuses_a_region_without_zones" {
  command = plan
  variables {
    networks = { eu = { cidr = "10.65.0.0/16", zones = ["eu-central-1a"] } }
  }
  expect_failures = [var.networks]
}

run "refuses_no_region_of_aws" {
  command = plan
  variables {
    regions = { eu = { cloud = "google", location = "europe-west3", roots = 1, origins = 1, edges = 1 } }
    home    = null
  }
  expect_failures = [var.regions]
}

run "refuses_a_home_that_is_no_region" {
  command = plan
  variables {
    home = "mars"
  }
  expect_failures = [var.home]
}

run "refuses_networks_that_a_new_region_would_shift" {
  command = plan
  variables {
    networks = {
      eu = { zones = ["eu-central-1a"] }
      us = { cidr = "10.66.0.0/16", zones = ["us-east-1a"] }
      ap = { cidr = "10.64.0.0/16", zones = ["ap-southeast-1a"] }
    }
  }
  expect_failures = [var.networks]
}

run "refuses_a_home_that_a_new_region_would_move" {
  command = plan
  variables {
    home = null
  }
  expect_failures = [var.home]
}
