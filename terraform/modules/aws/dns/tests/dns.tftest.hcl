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
  name         = "moq"
  zone         = "Z0123456789ABCDEFGHIJ"
  health_check = { port = 4446, path = "/health/ready", interval = 10, threshold = 2 }
  records = [
    { entrance = "watch", host = "watch.live.example.com", region = "eu", location = "eu-central-1", weight = 100, countries = ["DE", "continent:EU"], targets = ["moq-eu-edge-1.live.example.com", "moq-eu-edge-2.live.example.com"], pool = false },
    { entrance = "watch", host = "watch.live.example.com", region = "us", location = "us-east-1", weight = 50, countries = ["US"], targets = [], pool = true },
    { entrance = "publish", host = "publish.live.example.com", region = "eu", location = "eu-central-1", weight = 100, countries = [], targets = ["moq-eu-origin-1.live.example.com"], pool = false },
  ]
  balancers = { us = { dns_name = "moq-us.elb.us-east-1.amazonaws.com", zone_id = "Z26RNL4JYFTOTI" } }
}

run "latency_leads_to_the_nearest_region_that_is_ready" {
  command = plan
  assert {
    condition     = { for key, record in aws_route53_record.region : key => record.latency_routing_policy[0].region } == { publish-eu-A = "eu-central-1", publish-eu-AAAA = "eu-central-1", watch-eu-A = "eu-central-1", watch-eu-AAAA = "eu-central-1", watch-us-A = "us-east-1" }
    error_message = "a load balancer for QUIC has no IPv6; all others have: ${jsonencode(keys(aws_route53_record.region))}"
  }
  assert {
    condition     = alltrue([for record in values(aws_route53_record.region) : one(record.alias).evaluate_target_health])
    error_message = "a region without a ready relay gets clients"
  }
  assert {
    condition     = one(aws_route53_record.region["watch-us-A"].alias).name == "moq-us.elb.us-east-1.amazonaws.com" && one(aws_route53_record.region["watch-eu-A"].alias).name == "eu.watch.live.example.com"
    error_message = "a region leads to its load balancer, or to its relays in turns"
  }
  assert {
    condition     = length(aws_route53_health_check.relay) == 3 && aws_route53_health_check.relay["moq-eu-edge-1.live.example.com"].resource_path == "/health/ready" && aws_route53_health_check.relay["moq-eu-edge-1.live.example.com"].port == 4446
    error_message = "a relay is not asked for its readiness"
  }
  assert {
    condition     = length(aws_route53_record.member) == 6 && length(aws_route53_record.place) == 0 && length(aws_route53_record.elsewhere) == 0
    error_message = "relays of a region take turns, for IPv4 and IPv6"
  }
}

run "weights_are_those_of_the_regions" {
  command = plan
  variables {
    routing = "weighted"
  }
  assert {
    condition     = aws_route53_record.region["watch-us-A"].weighted_routing_policy[0].weight == 50 && aws_route53_record.region["watch-us-A"].name == "watch.live.example.com"
    error_message = "a region has another weight"
  }
}

run "countries_and_continents_with_a_way_for_all_others" {
  command = plan
  variables {
    routing = "geo"
  }
  assert {
    condition     = one(aws_route53_record.place["watch-eu-A-DE"].geolocation_routing_policy).country == "DE" && one(aws_route53_record.place["watch-eu-A-continent:EU"].geolocation_routing_policy).continent == "EU"
    error_message = "a place is missing"
  }
  assert {
    condition     = one(aws_route53_record.elsewhere["A watch.live.example.com"].geolocation_routing_policy).country == "*" && one(aws_route53_record.elsewhere["A watch.live.example.com"].alias).name == "any.watch.live.example.com"
    error_message = "viewers of other countries are led nowhere"
  }
  assert {
    condition     = aws_route53_record.region["watch-us-A"].name == "any.watch.live.example.com"
    error_message = "the way for all others leads to no region"
  }
}

run "viewers_come_by_the_anycast_addresses" {
  command = plan
  variables {
    accelerator = { dns_name = "a1.awsglobalaccelerator.com", zone_id = "Z2BJ6XQ5FK7U4H" }
  }
  assert {
    condition     = keys(aws_route53_record.anycast) == ["watch.live.example.com"] && sort(keys(aws_route53_record.region)) == tolist(["publish-eu-A", "publish-eu-AAAA"])
    error_message = "the accelerator is for viewers; publishers come to a region"
  }
}

run "a_region_of_another_cloud_takes_the_place_of_the_nearest" {
  command = plan
  variables {
    records   = [{ entrance = "watch", host = "watch.live.example.com", region = "us", location = "us-east4", weight = 50, countries = [], targets = ["moq-us-edge-1.live.example.com"], pool = false }]
    nearest   = { us = "us-east-1" }
    addresses = { "moq-us-edge-1.live.example.com" = { ipv4 = "203.0.113.7" } }
  }
  assert {
    condition     = aws_route53_record.region["watch-us-A"].latency_routing_policy[0].region == "us-east-1" && keys(aws_route53_record.host) == ["moq-us-edge-1.live.example.com-A"]
    error_message = "a region of another cloud has no latency, or its relay no address"
  }
}

run "refuses_a_region_whose_latency_aws_does_not_know" {
  command = plan
  variables {
    records = [{ entrance = "watch", host = "watch.live.example.com", region = "us", location = "us-east4", weight = 50, countries = [], targets = ["moq-us-edge-1.live.example.com"], pool = false }]
  }
  expect_failures = [var.nearest]
}

run "refuses_a_pool_without_a_load_balancer" {
  command = plan
  variables {
    balancers = {}
  }
  expect_failures = [var.records]
}

run "refuses_a_health_check_that_route_53_does_not_offer" {
  command = plan
  variables {
    health_check = { port = 4446, path = "/health/ready", interval = 15, threshold = 2 }
  }
  expect_failures = [var.health_check]
}

run "refuses_geo_without_countries" {
  command = plan
  variables {
    routing = "geo"
    records = [{ entrance = "watch", host = "watch.live.example.com", region = "eu", location = "eu-central-1", weight = 100, countries = [], targets = ["moq-eu-edge-1.live.example.com"], pool = false }]
  }
  expect_failures = [var.routing]
}
