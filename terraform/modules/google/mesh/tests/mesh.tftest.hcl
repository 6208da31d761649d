# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "google" {
  mock_resource "google_compute_network" {
    defaults = { id = "projects/media-123456/global/networks/moq" }
  }
  mock_resource "google_dns_managed_zone" {
    defaults = { id = "projects/media-123456/managedZones/moq-mesh" }
  }
  mock_data "google_compute_image" {
    defaults = { self_link = "projects/debian-cloud/global/images/debian-13-arm64-v20261110" }
  }
}

variables {
  project        = "media-123456"
  domain         = "live.example.com"
  cluster_domain = "mesh.live.example.com"
  zone           = "projects/dns-123456/managedZones/live"
  package        = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  admin_networks = ["10.0.0.0/8"]
  balancer       = {}
  regions = {
    eu   = { cloud = "google", location = "europe-west3", roots = 1, origins = 1, regionals = 1, edges = 2, max = { edge = 6 } }
    us   = { cloud = "google", location = "us-east4", roots = 1, edges = 1 }
    asia = { cloud = "aws", location = "ap-northeast-1", edges = 1 }
  }
  networks = {
    eu = { cidr = "10.65.0.0/16", zones = ["europe-west3-a", "europe-west3-b", "europe-west3-c"] }
    us = { cidr = "10.64.0.0/16", zones = ["us-east4-a", "us-east4-b", "us-east4-c"] }
  }
}

run "a_mesh_of_two_regions" {
  assert {
    condition     = length(output.groups) == 6 && !can(output.groups["moq-asia-edge-1"])
    error_message = join(" ", keys(output.groups))
  }
  assert {
    condition     = sort(keys(output.addresses)) == tolist(["moq-eu-origin-1.live.example.com", "moq-eu-regional-1.live.example.com", "moq-eu-root-1.live.example.com", "moq-us-edge-1.live.example.com", "moq-us-root-1.live.example.com"])
    error_message = join(" ", keys(output.addresses))
  }
  assert {
    condition     = sort(keys(output.balancers)) == tolist(["eu", "us"])
    error_message = "a region with edges has no load balancer"
  }
  assert {
    condition     = toset(keys(google_dns_record_set.public)) == toset(["moq-eu-origin-1", "moq-eu-regional-1", "moq-eu-root-1", "moq-us-edge-1", "moq-us-root-1"]) && google_dns_record_set.public["moq-eu-root-1"].project == "dns-123456"
    error_message = "the relays that keep their names need records, in the zone's project"
  }
  assert {
    condition     = output.secrets["secrets/cluster.jwk"] == "moq-secrets-cluster-jwk"
    error_message = jsonencode(output.secrets)
  }
}

run "edges_of_a_pool_need_a_load_balancer" {
  command = plan
  variables {
    balancer = null
  }
  expect_failures = [var.balancer]
}

run "machines_of_a_pool_need_a_zone" {
  command = plan
  variables {
    zone = null
  }
  expect_failures = [var.zone]
}

run "refuses_a_region_without_zones" {
  command = plan
  variables {
    networks = { eu = { zones = ["europe-west3-a"] } }
  }
  expect_failures = [var.networks]
}

run "refuses_a_mesh_without_google" {
  command = plan
  variables {
    regions = {
      asia = { cloud = "aws", location = "ap-northeast-1", roots = 1, origins = 1, edges = 1 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_regions_whose_networks_could_change" {
  command = plan
  variables {
    networks = {
      eu = { cidr = "10.65.0.0/16", zones = ["europe-west3-a", "europe-west3-b", "europe-west3-c"] }
      us = { zones = ["us-east4-a", "us-east4-b", "us-east4-c"] }
    }
  }
  expect_failures = [var.networks]
}
