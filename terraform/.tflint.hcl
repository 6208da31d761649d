# Rules of Terraform itself; those of the clouds' providers are in plugins. `tofu validate` checks resources by the providers' schemas.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
