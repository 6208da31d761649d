# Rights of the machines by role: the vaults with their secrets, their metrics, and records in the zones of the mesh. Nothing else.

locals {
  # Vaults by role; the key names the vault, whose id is not known before `apply`.
  vault_rights = merge([
    for role in local.roles : {
      for vault in distinct([for file in flatten([for group in values(var.groups) : group.secrets if group.role == role]) : var.secrets[file].vault]) : "${role}/${vault}" => { role = role, vault = vault }
    }
  ]...)

  zone_rights = merge([
    for role in local.roles : merge(
      var.zones.public == null ? {} : { "${role}/public" = { role = role, zone = var.zones.public, right = var.zones.public_right } },
      var.zones.private == null ? {} : { "${role}/private" = { role = role, zone = var.zones.private, right = var.zones.private_right } },
    )
  ]...)
}

resource "azurerm_user_assigned_identity" "relay" {
  for_each = local.roles

  name                = "${var.name}-${var.region}-${each.key}"
  resource_group_name = var.resource_group
  location            = var.location
  tags                = local.tags
}

resource "azurerm_role_assignment" "secrets" {
  for_each = local.vault_rights

  scope                = var.vaults[each.value.vault]
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.relay[each.value.role].principal_id
  principal_type       = "ServicePrincipal"
  description          = "moqmesh: secrets of relays with the role ${each.value.role}"
}

resource "azurerm_role_assignment" "metrics_of_region" {
  for_each = local.roles

  scope                = var.network.id
  role_definition_name = "Monitoring Metrics Publisher"
  principal_id         = azurerm_user_assigned_identity.relay[each.key].principal_id
  principal_type       = "ServicePrincipal"
  description          = "moqmesh: measures of relays, over which the alerts are"
}

resource "azurerm_role_assignment" "metrics_of_group" {
  for_each = var.groups

  scope                = azurerm_orchestrated_virtual_machine_scale_set.relay[each.key].id
  role_definition_name = "Monitoring Metrics Publisher"
  principal_id         = azurerm_user_assigned_identity.relay[each.value.role].principal_id
  principal_type       = "ServicePrincipal"
  description          = "moqmesh: measures of relays, by which the group scales"
}

resource "azurerm_role_assignment" "names" {
  for_each = local.zone_rights

  scope              = each.value.zone
  role_definition_id = each.value.right
  principal_id       = azurerm_user_assigned_identity.relay[each.value.role].principal_id
  principal_type     = "ServicePrincipal"
  description        = "moqmesh: names of relays"
}
