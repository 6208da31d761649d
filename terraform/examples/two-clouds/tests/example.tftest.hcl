# With `mock_provider` nothing is made: the values that the clouds would set are made up.
mock_provider "aws" {
  mock_resource "aws_vpc" {
    defaults = { ipv6_cidr_block = "2600:1f00:1234:5600::/56" }
  }
}

mock_provider "google" {
  mock_resource "google_compute_network" {
    defaults = { id = "projects/media-123456/global/networks/moq" }
  }
}

variables {
  domain   = "live.example.com"
  zone     = "Z0123456789ABCDEFGHIJ"
  project  = "media-123456"
  channels = ["projects/media-123456/notificationChannels/1234567890"]
  package  = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
}

run "the_whole_example_applies" {
  command = plan
  assert {
    condition     = length(module.aws.groups) == 5 && length(module.google.groups) == 5
    error_message = jsonencode([keys(module.aws.groups), keys(module.google.groups)])
  }
  assert {
    condition     = sort(keys(module.google.addresses)) == tolist([for relay in ["edge-1", "edge-2", "origin-1", "regional-1", "root-1"] : "moq-us-${relay}.live.example.com"])
    error_message = join(" ", keys(module.google.addresses))
  }
}

run "relays_of_both_clouds_are_one_mesh_with_certificates" {
  command = plan
  assert {
    condition = alltrue([
      for group in concat(values(module.aws.groups), values(module.google.groups)) :
      strcontains(group.config, "root = [\"https://moq-eu-root-1.live.example.com:4445\",\"https://moq-us-root-1.live.example.com:4445\"]")
      && strcontains(group.config, "client_ca = \"/etc/moqmesh/cluster/ca.pem\"")
      && contains(group.secrets, "cluster/${group.name}.key")
    ])
    error_message = module.google.groups["moq-us-edge-1"].config
  }
}
