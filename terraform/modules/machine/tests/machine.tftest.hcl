variables {
  cloud         = "aws"
  mesh          = "moq"
  scaling_group = "moq-eu-edge"
  group = {
    name         = "moq-eu-edge-@ID@"
    region       = "eu"
    role         = "edge"
    pool         = true
    location     = "eu-central-1"
    host         = "moq-eu-edge-@ID@.live.example.com"
    cluster_host = "moq-eu-edge-@ID@.mesh.live.example.com"
    config       = "[cluster]\nnode = \"moq-eu-edge-@ID@\"\n"
    secrets      = ["tls/privkey.pem", "secrets/cluster.jwk"]
  }
  package = { url = "https://packages.example.com/moqmesh_1.0.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  secrets = {
    "tls/privkey.pem"     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:moq/tls/privkey.pem-AbCdEf"
    "secrets/cluster.jwk" = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:moq/secrets/cluster.jwk-AbCdEf"
  }
}

run "user_data_is_what_cloud_init_reads" {
  command = plan
  assert {
    condition     = startswith(output.user_data, "#cloud-config\n") && length(yamldecode(output.user_data).write_files) == length(output.files)
    error_message = "user data is not #cloud-config with every file"
  }
  assert {
    condition     = alltrue([for command in yamldecode(output.user_data).runcmd : alltrue([for word in command : can(tostring(word))])])
    error_message = "a command is not a list of words"
  }
}

run "secrets_are_named_and_not_there" {
  command = plan
  assert {
    condition     = output.files["/etc/moqmesh/machine.secrets"].content == "/etc/moqmesh/tls/privkey.pem ${var.secrets["tls/privkey.pem"]}\n/etc/moqmesh/secrets/cluster.jwk ${var.secrets["secrets/cluster.jwk"]}\n"
    error_message = output.files["/etc/moqmesh/machine.secrets"].content
  }
}

run "user_data_fits_into_16_kib" {
  command = plan
  assert {
    condition     = length(base64gzip(output.user_data)) * 3 / 4 < 16384
    error_message = "AWS takes user data of 16 KiB: ${length(base64gzip(output.user_data))}"
  }
}

run "no_zones_no_hook_no_measures" {
  command = plan
  assert {
    condition     = !strcontains(output.files["/etc/moqmesh/machine.env"].content, "ZONE=") && !strcontains(output.files["/etc/moqmesh/machine.env"].content, "HOOK") && !contains(keys(output.files), "/etc/moqmesh/measures.json")
    error_message = output.files["/etc/moqmesh/machine.env"].content
  }
}

run "zones_and_a_hook" {
  command = plan
  variables {
    zones            = { public = "Z0123456789", private = "Z9876543210" }
    termination_hook = "drain"
  }
  assert {
    condition     = strcontains(output.files["/etc/moqmesh/machine.env"].content, "PUBLIC_ZONE=\"Z0123456789\"") && strcontains(output.files["/etc/moqmesh/machine.env"].content, "TERMINATION_HOOK=\"drain\"")
    error_message = output.files["/etc/moqmesh/machine.env"].content
  }
}

run "refuses_a_missing_secret" {
  command = plan
  variables {
    secrets = { "tls/privkey.pem" = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:moq/tls/privkey.pem-AbCdEf" }
  }
  expect_failures = [var.secrets]
}

run "refuses_a_package_over_http" {
  command = plan
  variables {
    package = { url = "http://packages.example.com/moqmesh.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  }
  expect_failures = [var.package]
}

run "refuses_a_package_without_its_sum" {
  command = plan
  variables {
    package = { url = "https://packages.example.com/moqmesh.deb", sha256 = "latest" }
  }
  expect_failures = [var.package]
}

run "refuses_a_host_that_a_pool_would_share" {
  command = plan
  variables {
    group = {
      name         = "moq-eu-edge"
      region       = "eu"
      role         = "edge"
      pool         = true
      location     = "eu-central-1"
      host         = "moq-eu-edge.live.example.com"
      cluster_host = "moq-eu-edge.mesh.live.example.com"
      config       = ""
      secrets      = []
    }
  }
  expect_failures = [var.group]
}

run "refuses_another_cloud" {
  command = plan
  variables {
    cloud = "ibm"
  }
  expect_failures = [var.cloud]
}
