output "addresses" {
  description = "Addresses of the relays that keep their names, by group: `public` and `private`."
  value = {
    for name in keys(local.named) : name => {
      public  = google_compute_address.public[name].address
      private = google_compute_address.private[name].address
    }
  }
}

output "instance_groups" {
  description = "The instance group of each group, for the backends of load balancers."
  value       = { for name, manager in google_compute_region_instance_group_manager.relay : name => manager.instance_group }
}

output "service_accounts" {
  description = "E-mail address of the service account of each role."
  value       = { for role, account in google_service_account.relay : role => account.email }
}
