# With `mock_provider` nothing is made: the values that AWS would set are made up.
mock_provider "aws" {
  mock_resource "aws_vpc" {
    defaults = { ipv6_cidr_block = "2600:1f00:1234:5600::/56" }
  }
}

variables {
  domain  = "live.example.com"
  zone    = "Z0123456789ABCDEFGHIJ"
  package = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
}

run "the_whole_example_applies" {
  assert {
    condition     = output.entrances == tolist(["watch.live.example.com", "publish.live.example.com"]) || output.entrances == tolist(["publish.live.example.com", "watch.live.example.com"])
    error_message = jsonencode(output.entrances)
  }
  assert {
    condition     = sort(keys(module.mesh.groups)) == tolist(["moq-eu-edge-1", "moq-eu-edge-2", "moq-eu-origin-1", "moq-eu-root-1"])
    error_message = jsonencode(keys(module.mesh.groups))
  }
  assert {
    condition     = sort(keys(module.dns.health_checks)) == tolist(["moq-eu-edge-1.live.example.com", "moq-eu-edge-2.live.example.com", "moq-eu-origin-1.live.example.com"])
    error_message = jsonencode(keys(module.dns.health_checks))
  }
}
