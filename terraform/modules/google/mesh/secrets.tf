# Secrets, without a value: `gcloud secrets versions add` fills them, so that no state has one.

locals {
  secret_files = distinct(flatten([for group in values(local.groups) : group.secrets]))

  # The name of a secret has no dots and no slashes.
  secret_names = { for file in local.secret_files : file => "${var.name}-${replace(file, "/[^a-zA-Z0-9-]/", "-")}" }

  # A part of this is known before `apply`, which rights need.
  secrets = { for file, name in local.secret_names : file => "projects/${var.project}/secrets/${google_secret_manager_secret.relay[file].secret_id}" }
}

resource "google_secret_manager_secret" "relay" {
  for_each = local.secret_names

  project             = var.project
  secret_id           = each.value
  labels              = local.labels
  deletion_protection = var.deletion_protection

  # In the regions of the mesh alone, or wherever Google keeps secrets.
  replication {
    dynamic "auto" {
      for_each = length(var.secret_keys) == 0 ? ["auto"] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(var.secret_keys) == 0 ? [] : ["regions"]
      content {
        dynamic "replicas" {
          for_each = var.secret_keys
          content {
            location = replicas.key
            customer_managed_encryption {
              kms_key_name = replicas.value
            }
          }
        }
      }
    }
  }
}
