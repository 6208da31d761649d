variables {
  domain = "live.example.com"
  regions = {
    eu = { cloud = "aws", location = "eu-central-1", roots = 1, origins = 2, regionals = 2, edges = 3, countries = ["DE", "continent:EU"] }
    us = { cloud = "google", location = "us-east4", roots = 1, origins = 1, regionals = 1, edges = 2, weight = 50, countries = ["US"] }
    ap = { cloud = "azure", location = "southeastasia", edges = 1, near = ["us", "eu"], sizes = { edge = "Standard_D8ps_v6" } }
  }
}

run "refuses_no_root" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", origins = 1, edges = 1 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_no_origin" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, edges = 1 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_no_edge" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_unknown_cloud" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "ibm", location = "x", roots = 1, origins = 1, edges = 1 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_nine_roots" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 9, origins = 1, edges = 1 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_half_an_edge" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1.5 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_name_that_is_no_label" {
  command = plan
  variables {
    regions = {
      EU_West = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_near_itself" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, near = ["eu"] }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_near_nowhere" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, near = ["us"] }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_weight_over_255" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, weight = 256 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_no_viewers_anywhere" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, weight = 0 }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_size_for_no_role" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, sizes = { relay = "c7g.large" } }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_country_in_words" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, countries = ["Germany"] }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_country_twice" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, countries = ["DE", "DE"] }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_domain" {
  command = plan
  variables {
    domain = "Live.Example.com"
  }
  expect_failures = [var.domain]
}

run "refuses_domain_without_a_dot" {
  command = plan
  variables {
    domain = "example"
  }
  expect_failures = [var.domain]
}

run "refuses_the_world_as_admins" {
  command = plan
  variables {
    admin_networks = ["0.0.0.0/0"]
  }
  expect_failures = [var.admin_networks]
}

run "refuses_an_admin_host" {
  command = plan
  variables {
    admin_networks = ["office.example.com"]
  }
  expect_failures = [var.admin_networks]
}

run "refuses_cluster_networks" {
  command = plan
  variables {
    cluster_networks = ["10.0.0.300/8"]
  }
  expect_failures = [var.cluster_networks]
}

run "refuses_two_equal_ports" {
  command = plan
  variables {
    ports = { admin = 443 }
  }
  expect_failures = [var.ports]
}

run "refuses_port_zero" {
  command = plan
  variables {
    ports = { public = 0 }
  }
  expect_failures = [var.ports]
}

run "refuses_a_registry_with_its_password" {
  command = plan
  variables {
    registry = "redis://user:secret@registry:6379/0"
  }
  expect_failures = [var.registry]
}

run "refuses_an_architecture" {
  command = plan
  variables {
    architecture = "mips"
  }
  expect_failures = [var.architecture]
}

run "refuses_a_mesh_name" {
  command = plan
  variables {
    name = "My_Mesh"
  }
  expect_failures = [var.name]
}

run "refuses_no_sessions" {
  command = plan
  variables {
    limits = { sessions = 0 }
  }
  expect_failures = [var.limits]
}

run "refuses_certificates_of_relays_without_a_name" {
  command = plan
  variables {
    mutual_tls = true
    regions = {
      eu = { cloud = "google", location = "europe-west3", roots = 1, origins = 1, edges = 1, max = { edge = 3 } }
    }
  }
  expect_failures = [var.mutual_tls]
}

run "refuses_a_pool_of_roots" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, max = { root = 3 } }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_pool_that_is_smaller_than_its_count" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 4, max = { edge = 3 } }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_an_empty_pool" {
  command = plan
  variables {
    regions = {
      eu = { cloud = "aws", location = "x", roots = 1, origins = 1, edges = 1, max = { regional = 3 } }
    }
  }
  expect_failures = [var.regions]
}

run "refuses_a_cluster_domain_in_capitals" {
  command = plan
  variables {
    cluster_domain = "Mesh.Example.com"
  }
  expect_failures = [var.cluster_domain]
}
