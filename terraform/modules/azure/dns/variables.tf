variable "resource_group" {
  description = "Name of the resource group of the profiles."
  type        = string
}

variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "label" {
  description = "Beginning of the hosts of the profiles below `trafficmanager.net`, such as `moq-media`: unique in all of Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.label))
    error_message = "label must be 2 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "zone" {
  description = "Id of the public DNS zone in Azure."
  type        = string

  validation {
    condition     = can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Network/dnsZones/[^/]+$", var.zone))
    error_message = "zone must be /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/dnsZones/NAME."
  }
}

variable "records" {
  description = "Records of the entrances, as `topology` has them."
  type = list(object({
    entrance  = string
    host      = string
    region    = string
    location  = string
    weight    = number
    countries = list(string)
    targets   = list(string)
    pool      = bool
  }))

  validation {
    condition     = alltrue([for record in var.records : length(record.targets) > 0 || can(var.balancers[record.region])])
    error_message = "the relays of a pool are found by its load balancer alone: balancers lacks a region."
  }
}

variable "balancers" {
  description = "The load balancer of a region, by region, as the module `mesh` has it: `watch` leads there in place of the relays."
  type        = map(object({ address_id = string }))
  default     = {}
}

variable "policy" {
  description = "`performance`: the region with the shortest way to the viewer's network, by Azure's measurements. `geographic`: by the `countries` of the regions. `weighted`: by the `weight` of the regions, as round robin where all are equal."
  type        = string
  default     = "performance"

  validation {
    condition     = contains(["performance", "geographic", "weighted"], var.policy)
    error_message = "policy must be performance, geographic or weighted."
  }
}

variable "rest" {
  description = "With `geographic`: the region of all viewers whose country no region has. None: they find nothing."
  type        = string
  default     = null
}

variable "locations" {
  description = "The region of Azure that is nearest to a region of another cloud, by region: where `performance` places it."
  type        = map(string)
  default     = {}
}

variable "health_check" {
  description = "What a health check asks, as `topology` has it."
  type = object({
    port = number
    path = string
  })
}

variable "ttl" {
  description = "Life of the answers in seconds: how long a viewer may go on to a region that has failed."
  type        = number
  default     = 30

  validation {
    condition     = var.ttl >= 5 && var.ttl <= 3600
    error_message = "ttl must be 5 to 3600 seconds."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
