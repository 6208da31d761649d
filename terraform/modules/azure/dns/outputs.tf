output "entrances" {
  description = "Each entrance: its `host`, and the host of its profile."
  value = {
    for entrance, profile in azurerm_traffic_manager_profile.entrance : entrance => {
      host    = local.entrances[entrance][0]
      profile = profile.fqdn
    }
  }
}

output "profiles" {
  description = "Ids of the profiles of the regions, by entrance and region: for the module `alerts`."
  value       = { for name, profile in azurerm_traffic_manager_profile.region : name => profile.id }
}
