variables {
  regions = {
    eu = { zones = ["eu-central-1a", "eu-central-1b"] }
    us = { zones = ["us-east-1a", "us-east-1b", "us-east-1c"] }
    ap = { zones = ["ap-southeast-1a"], cidr = "10.10.0.0/16" }
  }
}

run "networks_do_not_overlap" {
  command = plan
  assert {
    condition     = output.cidrs == { ap = "10.10.0.0/16", eu = "10.65.0.0/16", us = "10.66.0.0/16" }
    error_message = "networks: ${jsonencode(output.cidrs)}"
  }
}

run "a_subnet_for_each_zone" {
  command = plan
  assert {
    condition     = length(output.subnets) == 6 && output.subnets["us-us-east-1c"].cidr == "10.66.32.0/20"
    error_message = "subnets: ${jsonencode(output.subnets)}"
  }
}

run "each_pair_once_and_both_ways" {
  command = plan
  assert {
    condition     = sort(keys(output.pairs)) == tolist(["ap-eu", "ap-us", "eu-us"])
    error_message = "pairs: ${jsonencode(output.pairs)}"
  }
  assert {
    condition     = length(output.routes) == 6 && output.routes["us-ap"].cidr == "10.10.0.0/16" && output.routes["us-ap"].pair == "ap-us"
    error_message = "routes: ${jsonencode(output.routes)}"
  }
}

run "one_region_has_no_pairs" {
  command = plan
  variables {
    regions = { eu = { zones = ["eu-central-1a"] } }
  }
  assert {
    condition     = length(output.pairs) == 0 && length(output.routes) == 0
    error_message = "a pair of one"
  }
}

run "refuses_one_network_for_two" {
  command = plan
  variables {
    regions = {
      eu = { zones = ["eu-central-1a"], cidr = "10.10.0.0/16" }
      us = { zones = ["us-east-1a"], cidr = "10.10.0.0/16" }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_network_that_space_gives_to_another" {
  command = plan
  variables {
    regions = {
      eu = { zones = ["eu-central-1a"] }
      us = { zones = ["us-east-1a"], cidr = "10.64.0.0/16" }
    }
  }
  expect_failures = [output.cidrs]
}

run "refuses_a_small_network" {
  command = plan
  variables {
    regions = { eu = { zones = ["eu-central-1a"], cidr = "10.10.0.0/24" } }
  }
  expect_failures = [var.regions]
}
