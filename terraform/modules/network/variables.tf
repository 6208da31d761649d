variable "regions" {
  description = "Regions of one cloud by name: `cidr` is the region's own private network, or null for the next free one of `space`; `zones` are the availability zones that have a subnet."
  type = map(object({
    cidr  = optional(string)
    zones = list(string)
  }))

  validation {
    condition     = length(var.regions) >= 1 && length(var.regions) <= 64
    error_message = "regions must have 1 to 64 regions."
  }
  validation {
    condition     = alltrue([for region in values(var.regions) : length(region.zones) >= 1 && length(region.zones) <= 16 && length(distinct(region.zones)) == length(region.zones)])
    error_message = "a region has 1 to 16 zones, each once."
  }
  validation {
    condition     = alltrue([for region in values(var.regions) : region.cidr == null || try(cidrnetmask(region.cidr) == "255.255.0.0", false)])
    error_message = "cidr must be a network of 16 bits, such as 10.42.0.0/16."
  }
  validation {
    condition     = length(compact(values(var.regions)[*].cidr)) == length(distinct(compact(values(var.regions)[*].cidr)))
    error_message = "two regions have the same cidr: their networks could not be joined."
  }
}

variable "space" {
  description = "Network from which regions without a `cidr` get one of 16 bits, in alphabetical order. A region that is added must not come before others: give `cidr` then."
  type        = string
  default     = "10.64.0.0/10"

  validation {
    condition     = try(cidrnetmask(var.space) == "255.192.0.0", false)
    error_message = "space must be a network of 10 bits, such as 10.64.0.0/10."
  }
}
