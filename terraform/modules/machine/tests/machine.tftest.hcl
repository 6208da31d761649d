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

run "google_has_a_startup_script_that_writes_every_file" {
  command = plan
  variables {
    cloud = "google"
    secrets = {
      "tls/privkey.pem"     = "projects/media/secrets/moq-tls-privkey-pem"
      "secrets/cluster.jwk" = "projects/media/secrets/moq-secrets-cluster-jwk"
    }
    logs = { agent = { url = "https://packages.example.com/google-cloud-ops-agent_2.60.0_arm64.deb", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" } }
  }
  assert {
    condition     = startswith(output.startup_script, "#!/bin/bash\n") && alltrue([for path in keys(output.files) : strcontains(output.startup_script, "\nput '${path}' 0")])
    error_message = "the startup script lacks a file"
  }
  assert {
    condition     = contains(keys(output.files), "/etc/google-cloud-ops-agent/config.yaml") && contains(keys(output.files), "/etc/systemd/system/moqmesh.service.d/end.conf")
    error_message = join(" ", keys(output.files))
  }
  assert {
    condition     = length(output.startup_script) < 262144
    error_message = "Google Cloud takes a value of metadata of 256 KiB"
  }
}

run "azure_has_its_identity" {
  command = plan
  variables {
    cloud = "azure"
    secrets = {
      "tls/privkey.pem"     = "https://moq.vault.azure.net/secrets/tls-privkey-pem"
      "secrets/cluster.jwk" = "https://moq.vault.azure.net/secrets/secrets-cluster-jwk"
    }
    settings = { IDENTITY = "00000000-0000-0000-0000-000000000000" }
  }
  assert {
    condition     = strcontains(output.files["/etc/moqmesh/machine.env"].content, "IDENTITY=\"00000000-0000-0000-0000-000000000000\"\n")
    error_message = output.files["/etc/moqmesh/machine.env"].content
  }
  assert {
    condition     = length(base64gzip(output.user_data)) < 65536
    error_message = "Azure takes custom data of 64 KiB in base64"
  }
}

run "refuses_azure_without_an_identity" {
  command = plan
  variables {
    cloud = "azure"
  }
  expect_failures = [var.settings]
}

run "refuses_a_setting_that_a_shell_would_read" {
  command = plan
  variables {
    settings = { NAME = "$(reboot)" }
  }
  expect_failures = [var.settings]
}
