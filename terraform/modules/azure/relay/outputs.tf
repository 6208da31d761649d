output "scale_sets" {
  description = "Id of the scale set of each group."
  value       = { for name, set in azurerm_orchestrated_virtual_machine_scale_set.relay : name => set.id }
}

output "identities" {
  description = "Client id of the identity of each role."
  value       = { for role, identity in azurerm_user_assigned_identity.relay : role => identity.client_id }
}

output "security_groups" {
  description = "Id of the network security group of each role."
  value       = { for role, group in azurerm_network_security_group.relay : role => group.id }
}
