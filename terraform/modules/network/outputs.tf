output "cidrs" {
  description = "The private network of each region."
  value       = local.cidrs

  precondition {
    condition     = length(distinct(values(local.cidrs))) == length(local.cidrs)
    error_message = "a cidr of a region is one that space gives to another: set cidr for both."
  }
}

output "subnets" {
  description = "A subnet for each zone: `region`, `zone`, `cidr`, and its `index` in the region."
  value       = local.subnets
}

output "pairs" {
  description = "Pairs of regions to join, each once: `from` and `to`."
  value       = local.pairs
}

output "routes" {
  description = "Routes between regions: in `from`, the network `cidr` of `to` leads to the `pair`."
  value       = local.routes
}
