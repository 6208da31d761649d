# Secrets, empty: `aws secretsmanager put-secret-value` fills them, so that no state has one. They are kept in one region and copied to the others.

locals {
  secret_files = distinct(flatten([for group in values(local.groups) : group.secrets]))

  # The copy of a secret has the ARN of the original, with its own region.
  secrets = {
    for name, location in local.locations : name => {
      for file in local.secret_files : file => replace(aws_secretsmanager_secret.relay[file].arn, ":${local.locations[local.home]}:", ":${location}:")
    }
  }
}

resource "aws_secretsmanager_secret" "relay" {
  # checkov:skip=CKV2_AWS_57:certificates are renewed by their authority, and keys rotate by the calendar of the docs: a new value is put, and machines read it within 15 minutes
  for_each = toset(local.secret_files)

  region      = local.locations[local.home]
  name        = "${var.name}/${each.key}"
  description = "moqmesh ${var.name}: /etc/moqmesh/${each.key} of the relays"
  kms_key_id  = try(var.keys[local.home].secrets, null)
  tags        = local.tags

  dynamic "replica" {
    for_each = { for name, location in local.locations : location => name... if location != local.locations[local.home] }
    content {
      region     = replica.key
      kms_key_id = try(var.keys[replica.value[0]].secrets, null)
    }
  }
}
