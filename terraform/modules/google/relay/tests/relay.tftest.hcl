# Against the schema of the provider, with a cloud that gives made-up values.

mock_provider "google" {
  mock_data "google_compute_image" {
    defaults = { self_link = "projects/debian-cloud/global/images/debian-13-arm64-v20261110" }
  }
}

variables {
  project  = "media-123456"
  name     = "moq"
  region   = "eu"
  location = "europe-west3"
  package  = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  network  = { id = "projects/media-123456/global/networks/moq", subnetwork = "projects/media-123456/regions/europe-west3/subnetworks/moq-eu", zones = ["europe-west3-a", "europe-west3-b", "europe-west3-c"] }
  zones    = { public = "projects/dns-123456/managedZones/live" }
  secrets  = { "secrets/cluster.jwk" = "projects/media-123456/secrets/moq-secrets-cluster-jwk", "secrets/registry.url" = "projects/media-123456/secrets/moq-secrets-registry-url" }
  groups = {
    moq-eu-root-1 = {
      name         = "moq-eu-root-1"
      region       = "eu"
      role         = "root"
      pool         = false
      location     = "europe-west3"
      size         = "t2a-standard-1"
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
      location     = "europe-west3"
      size         = "c4a-standard-4"
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
      { protocol = "tcp", port = 4445, from = ["fd00::/8"], why = "relays over WebSocket" },
    ]
  }
}

run "a_relay_and_a_pool" {
  assert {
    condition     = google_compute_region_instance_group_manager.relay["moq-eu-root-1"].target_size == 1 && google_compute_region_instance_group_manager.relay["moq-eu-root-1"].update_policy[0].max_surge_fixed == 0
    error_message = "a relay with an address of its own cannot run twice"
  }
  assert {
    condition     = keys(google_compute_region_autoscaler.pool) == ["moq-eu-edge"] && google_compute_region_autoscaler.pool["moq-eu-edge"].autoscaling_policy[0].metric[0].target == 375000000
    error_message = "a pool scales by bytes a second"
  }
  assert {
    condition     = keys(google_compute_address.public) == ["moq-eu-root-1"]
    error_message = "a machine of a pool has no address of its own"
  }
  assert {
    condition     = google_compute_region_instance_template.relay["moq-eu-edge"].disk[0].disk_type == "hyperdisk-balanced" && google_compute_region_instance_template.relay["moq-eu-root-1"].disk[0].disk_type == "pd-balanced"
    error_message = "the disk is not one that the machine takes"
  }
}

run "a_role_reads_its_own_secrets_and_writes_names_if_it_is_a_pool" {
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.relay) == ["edge/secrets/cluster.jwk", "root/secrets/cluster.jwk", "root/secrets/registry.url"]
    error_message = join(" ", keys(google_secret_manager_secret_iam_member.relay))
  }
  assert {
    condition     = keys(google_dns_managed_zone_iam_member.relay) == ["edge/projects/dns-123456/managedZones/live"]
    error_message = join(" ", keys(google_dns_managed_zone_iam_member.relay))
  }
}

run "the_firewall_has_rules_of_ipv4_alone" {
  assert {
    condition     = keys(google_compute_firewall.relay) == ["edge-udp-443", "root-tcp-4446"] && google_compute_firewall.relay["edge-udp-443"].source_ranges == toset(["0.0.0.0/0"])
    error_message = join(" ", keys(google_compute_firewall.relay))
  }
}

run "spot_machines_are_those_of_pools" {
  variables {
    spot = true
  }
  assert {
    condition     = google_compute_region_instance_template.relay["moq-eu-edge"].scheduling[0].provisioning_model == "SPOT" && google_compute_region_instance_template.relay["moq-eu-root-1"].scheduling[0].provisioning_model == "STANDARD"
    error_message = "a relay that keeps its name is no spot machine"
  }
}

run "refuses_another_region" {
  command = plan
  variables {
    location = "us-east4"
  }
  expect_failures = [var.groups, var.network]
}

run "refuses_a_notice_too_short_to_drain" {
  command = plan
  variables {
    spot_notice = 20
  }
  expect_failures = [var.spot_notice]
}
