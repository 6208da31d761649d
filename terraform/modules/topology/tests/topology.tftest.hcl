variables {
  domain = "live.example.com"
  regions = {
    eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 2, regionals = 2, edges = 3, countries = ["DE", "continent:EU"] }
    us = { cloud = "google", location = "us-east4", roots = 1, origins = 1, regionals = 1, edges = 2, weight = 50, countries = ["US"] }
    ap = { cloud = "azure", location = "southeastasia", edges = 1, near = ["us", "eu"], sizes = { edge = "Standard_D8ps_v6" } }
  }
}

run "relays" {
  command = plan

  assert {
    condition     = length(output.relays) == 14
    error_message = "8, 5 and 1 relays: ${length(output.relays)}"
  }
  assert {
    condition     = output.relays["moq-eu-edge-3"].host == "moq-eu-edge-3.live.example.com" && output.relays["moq-eu-edge-3"].size == "c7gn.xlarge"
    error_message = "a relay has its host and the default size of its cloud and role"
  }
  assert {
    condition     = output.relays["moq-ap-edge-1"].size == "Standard_D8ps_v6"
    error_message = "a region's size for a role replaces the default"
  }
  assert {
    condition     = length(distinct([for relay in values(output.relays) : relay.server_id])) == length(output.relays)
    error_message = "no two relays have one server id"
  }
  assert {
    condition     = alltrue([for relay in values(output.relays) : can(regex("^0x[0-9a-f]{16}$", relay.server_id))])
    error_message = "server ids have eight bytes"
  }
}

run "roots" {
  command = plan

  assert {
    condition = output.roots == tolist([
      "https://moq-eu-root-1.live.example.com:4445", "https://moq-us-root-1.live.example.com:4445",
    ])
    error_message = "every relay gets all roots, in one order"
  }
  assert {
    condition     = alltrue([for text in values(output.configs) : strcontains(text, jsonencode(output.roots))])
    error_message = "a configuration lacks a root"
  }
}

run "regions_near" {
  command = plan

  assert {
    condition     = strcontains(output.configs["moq-ap-edge-1"], "regions = [\"us\",\"eu\"]")
    error_message = "near is the order of regions"
  }
  assert {
    condition     = strcontains(output.configs["moq-eu-edge-1"], "regions = [\"ap\",\"us\"]")
    error_message = "without near, all other regions in alphabetical order"
  }
}

run "records" {
  command = plan

  assert {
    condition     = length(output.records) == 5
    error_message = "watch in three regions, publish in two: ${length(output.records)}"
  }
  assert {
    condition = one([for record in output.records : record.targets if record.host == "publish.live.example.com" && record.region == "eu"]) == tolist([
      "moq-eu-origin-1.live.example.com", "moq-eu-origin-2.live.example.com",
    ])
    error_message = "publishers are led to the origins of a region"
  }
  assert {
    condition     = one([for record in output.records : record.weight if record.host == "watch.live.example.com" && record.region == "us"]) == 50
    error_message = "a record has the weight of its region"
  }
}

run "a_region_without_weight_gets_no_viewers" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 1, edges = 1 }
      us = { cloud = "aws", location = "us-east-1", edges = 1, weight = 0 }
    }
  }
  assert {
    condition     = alltrue([for record in output.records : record.region == "eu"])
    error_message = "weight 0 takes a region out of DNS"
  }
}

run "firewall" {
  command = plan
  variables {
    admin_networks   = ["10.0.0.0/8"]
    cluster_networks = ["10.0.0.0/8"]
  }
  assert {
    condition     = alltrue([for rule in output.firewall["root"] : rule.port != 443])
    error_message = "clients do not reach roots"
  }
  assert {
    condition = alltrue([
      for rules in values(output.firewall) : alltrue([for rule in rules : !contains(rule.from, "0.0.0.0/0") if contains([4444, 4445], rule.port)])
    ])
    error_message = "the world reaches the admin or the cluster listener"
  }
  assert {
    condition     = strcontains(output.configs["moq-eu-edge-1"], "allow = [\"10.0.0.0/8\"]")
    error_message = "relays take cluster powers from their own networks only"
  }
}

run "no_admin_networks_keep_the_admin_listener_on_the_machine" {
  command = plan
  assert {
    condition     = strcontains(output.configs["moq-eu-edge-1"], "admin_host = \"127.0.0.1\"") && alltrue([for rule in output.firewall["edge"] : rule.port != 4444])
    error_message = "the admin listener is open"
  }
}

run "a_shared_registry_is_named_to_roots_alone" {
  command = plan
  variables {
    registry = "rediss://registry.internal:6379/0"
  }
  assert {
    condition = alltrue([
      for name, text in output.configs : strcontains(text, "registry_file") == (output.relays[name].role == "root")
    ])
    error_message = "a relay that is no root has a registry"
  }
  assert {
    condition     = alltrue([for text in values(output.configs) : !strcontains(text, "rediss:")])
    error_message = "the URL may hold a password, so it is in a file"
  }
}

run "certificates" {
  command = plan
  assert {
    condition     = output.certificates["moq-eu-edge-1"] == tolist(["moq-eu-edge-1.live.example.com", "watch.live.example.com"])
    error_message = "an edge's certificate has its own name and that of its entrance"
  }
  assert {
    condition     = output.certificates["moq-eu-root-1"] == tolist(["moq-eu-root-1.live.example.com"])
    error_message = "a root has no entrance"
  }
}

run "server_ids_where_the_cloud_reads_them" {
  command = plan
  assert {
    condition     = strcontains(output.configs["moq-eu-edge-1"], "server_id = \"${output.relays["moq-eu-edge-1"].server_id}\"") && !strcontains(output.configs["moq-us-edge-1"], "server_id")
    error_message = "edges of AWS have server ids, others have none"
  }
}

run "edges_that_a_load_balancer_confuses_share_a_reset_key" {
  command = plan

  assert {
    condition     = strcontains(output.configs["moq-us-edge-1"], "[quic]\nreset_key_file = \"/etc/moqmesh/secrets/reset.key\"") && contains(output.groups["moq-us-edge-1"].secrets, "secrets/reset.key")
    error_message = output.configs["moq-us-edge-1"]
  }
  assert {
    condition     = !strcontains(output.configs["moq-eu-edge-1"], "[quic]") && !strcontains(output.configs["moq-us-origin-1"], "[quic]")
    error_message = "AWS follows connections by server id, and origins are behind no load balancer"
  }
}

run "mutual_tls" {
  command = plan
  variables {
    mutual_tls = true
  }

  assert {
    condition = alltrue([
      for line in ["client_ca = \"/etc/moqmesh/cluster/ca.pem\"", "client_cert = \"/etc/moqmesh/cluster/moq-us-root-1.pem\"", "client_key = \"/etc/moqmesh/cluster/moq-us-root-1.key\""] :
      strcontains(output.configs["moq-us-root-1"], line)
    ])
    error_message = output.configs["moq-us-root-1"]
  }
  assert {
    condition     = length(setsubtract(["cluster/ca.pem", "cluster/moq-us-root-1.pem", "cluster/moq-us-root-1.key"], output.groups["moq-us-root-1"].secrets)) == 0 && !contains(output.groups["moq-us-root-1"].secrets, "cluster/moq-eu-root-1.key")
    error_message = join(" ", output.groups["moq-us-root-1"].secrets)
  }
}

run "relays_ask_their_cloud_for_notices" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "google", location = "europe-west3", roots = 1, origins = 1, edges = 1 }
      us = { cloud = "none", location = "us", edges = 1 }
    }
  }

  assert {
    condition     = strcontains(output.configs["moq-eu-edge-1"], "[cloud]\nnotices = \"google\"") && !strcontains(output.configs["moq-us-edge-1"], "[cloud]")
    error_message = output.configs["moq-eu-edge-1"]
  }
}

run "a_pool_is_one_group_whose_relays_take_their_names_when_they_start" {
  command = plan
  variables {
    cluster_domain = "mesh.live.example.com"
    regions = {
      eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 1, regionals = 1, edges = 2, max = { edge = 8 } }
    }
  }
  assert {
    condition     = sort(keys(output.groups)) == tolist(["moq-eu-edge", "moq-eu-origin-1", "moq-eu-regional-1", "moq-eu-root-1"])
    error_message = jsonencode(keys(output.groups))
  }
  assert {
    condition     = output.groups["moq-eu-edge"].min == 2 && output.groups["moq-eu-edge"].max == 8 && output.groups["moq-eu-root-1"].min == 1 && output.groups["moq-eu-root-1"].max == 1
    error_message = "a pool grows from its count to max; a relay that keeps its name is one"
  }
  assert {
    condition     = strcontains(output.groups["moq-eu-edge"].config, "node = \"moq-eu-edge-@ID@\"") && strcontains(output.groups["moq-eu-edge"].config, "server_id = \"0x@SERVER_ID@\"")
    error_message = output.groups["moq-eu-edge"].config
  }
  assert {
    condition     = !contains(keys(output.relays), "moq-eu-edge-@ID@") && one([for record in output.records : record if record.entrance == "watch"]).pool && length(one([for record in output.records : record.targets if record.entrance == "watch"])) == 0
    error_message = "a pool has no hosts that DNS could name"
  }
  assert {
    condition     = output.certificates["moq-eu-edge"] == tolist(["*.live.example.com", "*.mesh.live.example.com", "watch.live.example.com"])
    error_message = jsonencode(output.certificates["moq-eu-edge"])
  }
}

run "relays_dial_each_other_at_names_of_their_own_zone" {
  command = plan
  variables {
    cluster_domain = "mesh.live.example.com"
  }
  assert {
    condition     = alltrue([for url in output.roots : endswith(url, ".mesh.live.example.com:4445")])
    error_message = jsonencode(output.roots)
  }
  assert {
    condition = (
      strcontains(output.configs["moq-eu-edge-1"], "url = \"https://moq-eu-edge-1.mesh.live.example.com:4445\"")
      && strcontains(output.configs["moq-eu-edge-1"], "public_url = \"https://moq-eu-edge-1.live.example.com:443\"")
    )
    error_message = "viewers and relays reach an edge at names of different zones"
  }
}
