# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "azurerm" {}

variables {
  resource_group = "media"
  name           = "moq"
  region         = "eu"
  location       = "westeurope"
  ssh_key        = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGgN operator"
  package        = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  network        = { id = "/subscriptions/1/resourceGroups/media/providers/Microsoft.Network/virtualNetworks/moq-eu", subnet = "/subscriptions/1/…/subnets/relays", zones = ["1", "2", "3"] }
  vaults         = { relays = "/subscriptions/1/…/vaults/moq", roots = "/subscriptions/1/…/vaults/moq-roots" }
  zones          = { public = "/subscriptions/1/…/dnsZones/live.example.com", public_right = "/subscriptions/1/…/roleDefinitions/2" }
  secrets = {
    "secrets/cluster.jwk"  = { url = "https://moq.vault.azure.net/secrets/secrets-cluster-jwk", vault = "relays" }
    "secrets/registry.url" = { url = "https://moq-roots.vault.azure.net/secrets/secrets-registry-url", vault = "roots" }
  }
  groups = {
    moq-eu-root-1 = {
      name         = "moq-eu-root-1"
      region       = "eu"
      role         = "root"
      pool         = false
      location     = "westeurope"
      size         = "Standard_B2pts_v2"
      host         = "moq-eu-root-1.live.example.com"
      cluster_host = "moq-eu-root-1.live.example.com"
      min          = 1
      max          = 1
      config       = ""
      secrets      = ["secrets/cluster.jwk", "secrets/registry.url"]
    }
    moq-eu-edge = {
      name         = "moq-eu-edge-@ID@"
      region       = "eu"
      role         = "edge"
      pool         = true
      location     = "westeurope"
      size         = "Standard_D4ps_v6"
      host         = "moq-eu-edge-@ID@.live.example.com"
      cluster_host = "moq-eu-edge-@ID@.live.example.com"
      min          = 2
      max          = 6
      config       = ""
      secrets      = ["secrets/cluster.jwk"]
    }
  }
  firewall = {
    root = [{ protocol = "tcp", port = 4446, from = ["0.0.0.0/0", "::/0"], why = "health checks" }]
    edge = [
      { protocol = "udp", port = 443, from = ["0.0.0.0/0", "::/0"], why = "clients over QUIC" },
      { protocol = "udp", port = 4445, from = ["10.64.0.0/16", "fd00::/8"], why = "relays over QUIC" },
      { protocol = "tcp", port = 4445, from = ["fd00::/8"], why = "relays over WebSocket" },
    ]
  }
}

run "a_relay_and_a_pool" {
  assert {
    condition     = azurerm_orchestrated_virtual_machine_scale_set.relay["moq-eu-root-1"].instances == 1 && azurerm_orchestrated_virtual_machine_scale_set.relay["moq-eu-root-1"].upgrade_mode == "Manual"
    error_message = "a relay that keeps its name cannot run twice"
  }
  assert {
    condition     = keys(azurerm_monitor_autoscale_setting.pool) == ["moq-eu-edge"] && length(azurerm_monitor_autoscale_setting.pool["moq-eu-edge"].profile[0].rule) == 4
    error_message = "a pool scales by two measures, both ways"
  }
  assert {
    condition     = length(azurerm_orchestrated_virtual_machine_scale_set.relay["moq-eu-edge"].termination_notification) == 1
    error_message = "a machine needs the notice of its end"
  }
}

run "a_role_reads_its_own_vaults_and_writes_names" {
  assert {
    condition     = keys(azurerm_role_assignment.secrets) == ["edge/relays", "root/relays", "root/roots"]
    error_message = join(" ", keys(azurerm_role_assignment.secrets))
  }
  assert {
    condition     = keys(azurerm_role_assignment.names) == ["edge/public", "root/public"]
    error_message = join(" ", keys(azurerm_role_assignment.names))
  }
}

run "the_firewall_refuses_the_rest_of_the_private_network" {
  assert {
    condition     = keys(azurerm_network_security_rule.relay) == ["edge-udp-443", "edge-udp-4445", "root-tcp-4446"]
    error_message = join(" ", keys(azurerm_network_security_rule.relay))
  }
  assert {
    condition     = azurerm_network_security_rule.relay["edge-udp-443"].source_address_prefix == "*" && azurerm_network_security_rule.relay["edge-udp-4445"].source_address_prefixes == toset(["10.64.0.0/16"])
    error_message = "the sources are not those of the rules"
  }
  assert {
    condition     = alltrue([for rule in azurerm_network_security_rule.rest : rule.access == "Deny"]) && length(azurerm_network_security_rule.rest) == 2
    error_message = "Azure lets the private network in"
  }
}

run "spot_machines_are_those_of_pools" {
  variables {
    spot = 60
  }
  assert {
    condition     = azurerm_orchestrated_virtual_machine_scale_set.relay["moq-eu-edge"].priority_mix[0].regular_percentage_above_base == 40 && azurerm_orchestrated_virtual_machine_scale_set.relay["moq-eu-root-1"].priority == "Regular"
    error_message = "a relay that keeps its name is no spot machine"
  }
}

run "refuses_a_secret_without_its_vault" {
  command = plan
  variables {
    vaults = { relays = "/subscriptions/1/…/vaults/moq" }
  }
  expect_failures = [var.secrets]
}

run "refuses_a_time_to_drain_that_azure_has_not" {
  command = plan
  variables {
    drain = 2
  }
  expect_failures = [var.drain]
}
