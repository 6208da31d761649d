# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "azurerm" {}

variables {
  resource_group = "media"
  name           = "moq"
  label          = "moq-media"
  zone           = "/subscriptions/1/resourceGroups/dns/providers/Microsoft.Network/dnsZones/example.com"
  health_check   = { port = 4446, path = "/health/ready" }
  balancers      = { eu = { address_id = "/subscriptions/1/…/publicIPAddresses/moq-eu-edges" } }
  records = [
    { entrance = "watch", host = "watch.live.example.com", region = "eu", location = "westeurope", weight = 100, countries = ["continent:EU", "TR"], targets = [], pool = true },
    { entrance = "watch", host = "watch.live.example.com", region = "us", location = "eastus2", weight = 50, countries = [], targets = ["moq-us-edge-1.live.example.com", "moq-us-edge-2.live.example.com"], pool = false },
    { entrance = "publish", host = "publish.live.example.com", region = "us", location = "eastus2", weight = 50, countries = [], targets = ["moq-us-origin-1.live.example.com"], pool = false },
  ]
}

run "by_way" {
  assert {
    condition     = keys(azurerm_traffic_manager_profile.region) == ["publish-us", "watch-eu", "watch-us"] && azurerm_traffic_manager_profile.entrance["watch"].traffic_routing_method == "Performance"
    error_message = join(" ", keys(azurerm_traffic_manager_profile.region))
  }
  assert {
    condition     = keys(azurerm_traffic_manager_external_endpoint.relay) == ["publish-us/moq-us-origin-1.live.example.com", "watch-us/moq-us-edge-1.live.example.com", "watch-us/moq-us-edge-2.live.example.com"]
    error_message = join(" ", keys(azurerm_traffic_manager_external_endpoint.relay))
  }
  assert {
    condition     = keys(azurerm_traffic_manager_azure_endpoint.balancer) == ["watch-eu"]
    error_message = "a pool is found by its load balancer"
  }
  assert {
    condition     = azurerm_dns_cname_record.entrance["watch"].name == "watch.live" && azurerm_dns_cname_record.entrance["watch"].zone_name == "example.com"
    error_message = "the name of a record is relative to its zone"
  }
}

run "by_country" {
  variables {
    policy = "geographic"
    rest   = "us"
  }
  assert {
    condition     = toset(azurerm_traffic_manager_nested_endpoint.region["watch-eu"].geo_mappings) == toset(["GEO-EU", "TR"]) && toset(azurerm_traffic_manager_nested_endpoint.region["watch-us"].geo_mappings) == toset(["WORLD"])
    error_message = jsonencode([for endpoint in azurerm_traffic_manager_nested_endpoint.region : endpoint.geo_mappings])
  }
}

run "by_weight" {
  variables {
    policy = "weighted"
  }
  assert {
    condition     = azurerm_traffic_manager_nested_endpoint.region["watch-eu"].weight == 100 && azurerm_traffic_manager_nested_endpoint.region["watch-us"].weight == 50
    error_message = "the weights are not those of the regions"
  }
}

run "refuses_a_region_without_countries" {
  command = plan
  variables {
    policy = "geographic"
  }
  expect_failures = [azurerm_traffic_manager_nested_endpoint.region["watch-us"], azurerm_traffic_manager_nested_endpoint.region["publish-us"]]
}

run "refuses_a_pool_without_a_load_balancer" {
  command = plan
  variables {
    balancers = {}
  }
  expect_failures = [var.records]
}
