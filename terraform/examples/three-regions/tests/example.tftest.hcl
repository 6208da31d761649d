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
  command = plan
  assert {
    condition     = length(module.mesh.groups) == 15 && length([for group in values(module.mesh.groups) : group if group.pool]) == 3
    error_message = jsonencode(keys(module.mesh.groups))
  }
  assert {
    condition     = module.mesh.alarm_regions == { ap = { location = "ap-southeast-1", machines = 4 }, eu = { location = "eu-central-1", machines = 7 }, us = { location = "us-east-1", machines = 7 } }
    error_message = jsonencode(module.mesh.alarm_regions)
  }
  assert {
    condition     = max(values(module.mesh.user_data_sizes)...) < 16384
    error_message = "AWS takes user data of 16384 bytes: ${jsonencode(module.mesh.user_data_sizes)}"
  }
}
