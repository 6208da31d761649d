# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "azurerm" {
  mock_data "azurerm_resource_group" {
    defaults = { id = "/subscriptions/1/resourceGroups/media" }
  }
  mock_resource "azurerm_virtual_network" {
    defaults = { id = "/subscriptions/1/resourceGroups/media/providers/Microsoft.Network/virtualNetworks/moq" }
  }
}

variables {
  resource_group = "media"
  domain         = "live.example.com"
  cluster_domain = "mesh.live.example.com"
  zone           = "/subscriptions/1/resourceGroups/dns/providers/Microsoft.Network/dnsZones/live.example.com"
  ssh_key        = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGgN operator"
  vault          = "moq-media"
  registry       = "rediss://registry.internal:6379/0"
  package        = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  balancer       = { label = "moq-media", world = { location = "westeurope" } }
  logs           = {}
  regions = {
    eu   = { cloud = "azure", location = "westeurope", roots = 1, origins = 1, regionals = 1, edges = 2, max = { edge = 6 } }
    us   = { cloud = "azure", location = "eastus2", roots = 1, edges = 1 }
    asia = { cloud = "aws", location = "ap-northeast-1", edges = 1 }
  }
  networks = {
    eu = { cidr = "10.65.0.0/16", zones = ["1", "2", "3"] }
    us = { cidr = "10.64.0.0/16", zones = ["1", "2", "3"] }
  }
}

run "a_mesh_of_two_regions" {
  assert {
    condition     = length(output.groups) == 6 && sort(keys(output.balancers)) == tolist(["eu", "us"]) && sort(keys(output.networks)) == tolist(["eu", "us"])
    error_message = join(" ", keys(output.groups))
  }
  assert {
    condition     = output.secrets["secrets/cluster.jwk"] == "https://moq-media.vault.azure.net/secrets/secrets-cluster-jwk" && output.secrets["secrets/registry.url"] == "https://moq-media-roots.vault.azure.net/secrets/secrets-registry-url"
    error_message = jsonencode(output.secrets)
  }
  assert {
    condition     = sort(keys(azurerm_virtual_network_peering.regions)) == tolist(["eu-us", "us-eu"])
    error_message = "a pair of networks needs both ways"
  }
  assert {
    condition     = azurerm_role_definition.names["public"].scope == "/subscriptions/1/resourceGroups/dns" && azurerm_role_definition.names["private"].scope == "/subscriptions/1/resourceGroups/media"
    error_message = "a role is of the group of its zone"
  }
}

run "edges_of_a_pool_need_a_load_balancer" {
  command = plan
  variables {
    balancer = null
  }
  expect_failures = [var.balancer]
}

run "refuses_a_vault_open_to_the_world" {
  command = plan
  variables {
    vault_networks = ["0.0.0.0/0"]
  }
  expect_failures = [var.vault_networks]
}

run "refuses_a_region_without_zones" {
  command = plan
  variables {
    networks = { eu = { zones = ["1"] } }
  }
  expect_failures = [var.networks]
}

run "refuses_regions_whose_networks_could_change" {
  command = plan
  variables {
    networks = {
      eu = { cidr = "10.65.0.0/16", zones = ["1", "2", "3"] }
      us = { zones = ["1", "2", "3"] }
    }
  }
  expect_failures = [var.networks]
}
