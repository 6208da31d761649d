# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "google" {}

variables {
  name         = "moq"
  zone         = "projects/dns-123456/managedZones/live"
  health_check = { port = 4446, path = "/health/ready" }
  records = [
    { entrance = "watch", host = "watch.live.example.com", region = "eu", location = "europe-west3", weight = 100, countries = [], targets = [], pool = true },
    { entrance = "watch", host = "watch.live.example.com", region = "us", location = "us-east4", weight = 50, countries = [], targets = ["moq-us-edge-1.live.example.com", "moq-us-edge-2.live.example.com"], pool = false },
    { entrance = "watch", host = "watch.live.example.com", region = "asia", location = "ap-northeast-1", weight = 50, countries = [], targets = ["moq-asia-edge-1.live.example.com"], pool = false },
    { entrance = "publish", host = "publish.live.example.com", region = "us", location = "us-east4", weight = 50, countries = [], targets = ["moq-us-origin-1.live.example.com"], pool = false },
  ]
  balancers = { eu = { address = "192.0.2.1" } }
  addresses = {
    "moq-us-edge-1.live.example.com"   = "192.0.2.11"
    "moq-us-edge-2.live.example.com"   = "192.0.2.12"
    "moq-us-origin-1.live.example.com" = "192.0.2.13"
  }
}

run "by_place" {
  assert {
    condition     = output.entrances["watch"].addresses["eu"] == tolist(["192.0.2.1"]) && output.entrances["watch"].addresses["us"] == tolist(["192.0.2.11", "192.0.2.12"])
    error_message = jsonencode(output.entrances)
  }
  assert {
    condition     = !can(output.entrances["watch"].addresses["asia"])
    error_message = "a region whose addresses are not known is left out"
  }
  assert {
    condition     = google_dns_record_set.entrance["watch"].name == "watch.live.example.com." && length(google_dns_record_set.entrance["watch"].routing_policy[0].geo) == 2
    error_message = "not a place for each region"
  }
}

run "a_region_of_another_cloud_has_a_place" {
  variables {
    addresses = {
      "moq-us-edge-1.live.example.com"   = "192.0.2.11"
      "moq-us-origin-1.live.example.com" = "192.0.2.13"
      "moq-asia-edge-1.live.example.com" = "198.51.100.1"
    }
    locations = { asia = "asia-northeast1" }
  }
  assert {
    condition     = contains(google_dns_record_set.entrance["watch"].routing_policy[0].geo[*].location, "asia-northeast1")
    error_message = jsonencode(google_dns_record_set.entrance["watch"].routing_policy[0].geo[*].location)
  }
}

run "by_weight" {
  variables {
    policy = "weighted"
  }
  assert {
    condition     = sort([for item in google_dns_record_set.entrance["watch"].routing_policy[0].wrr : tostring(item.weight)]) == tolist(["100", "50"])
    error_message = "the weights are not those of the regions"
  }
}

run "refuses_an_entrance_that_leads_nowhere" {
  command = plan
  variables {
    addresses = { "moq-us-edge-1.live.example.com" = "192.0.2.11" }
  }
  expect_failures = [google_dns_record_set.entrance["publish"]]
}

run "refuses_two_regions_at_one_place" {
  command = plan
  variables {
    locations = { us = "europe-west3" }
  }
  expect_failures = [google_dns_record_set.entrance["watch"]]
}

run "refuses_addresses_that_are_none" {
  command = plan
  variables {
    addresses = { "moq-us-edge-1.live.example.com" = "192.0.2.11", "moq-us-origin-1.live.example.com" = "2001:db8::1" }
  }
  expect_failures = [var.addresses]
}
