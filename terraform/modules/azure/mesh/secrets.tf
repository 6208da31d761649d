# Vaults, empty: `az keyvault secret set` fills them, so that no state has a secret. They are closed but for the networks of the relays and those of the operators. What roots alone
# may read has a vault of its own: an identity reads all of a vault.

data "azurerm_client_config" "current" {}

locals {
  secret_files = distinct(flatten([for group in values(local.groups) : group.secrets]))
  vault_of     = { for file in local.secret_files : file => file == "secrets/registry.url" ? "roots" : "relays" }
  vault_names  = { for vault in distinct(values(local.vault_of)) : vault => vault == "relays" ? var.vault : "${var.vault}-${vault}" }

  # The name of a secret has letters, digits and hyphens.
  secrets = {
    for file in local.secret_files : file => {
      vault = local.vault_of[file]
      url   = "https://${local.vault_names[local.vault_of[file]]}.vault.azure.net/secrets/${replace(file, "/[^a-zA-Z0-9-]/", "-")}"
    }
  }
}

resource "azurerm_key_vault" "relays" {
  # checkov:skip=CKV2_AZURE_32: the networks of the relays reach the vault by service endpoints, and none else but the operators'
  for_each = local.vault_names

  name                          = each.value
  resource_group_name           = var.resource_group
  location                      = local.locations[local.home]
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = true
  tags                          = local.tags

  network_acls {
    default_action             = "Deny"
    bypass                     = "None"
    ip_rules                   = var.vault_networks
    virtual_network_subnet_ids = [for subnet in azurerm_subnet.relays : subnet.id]
  }
}
