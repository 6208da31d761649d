variable "name" {
  description = "Name of the mesh, a tag of the health checks."
  type        = string
}

variable "zone" {
  description = "Id of the public Route 53 zone of the mesh's domain."
  type        = string

  validation {
    condition     = can(regex("^Z[A-Z0-9]+$", var.zone))
    error_message = "zone must be the id of a Route 53 zone, such as Z0123456789ABCDEFGHIJ."
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
    condition     = alltrue([for record in var.records : !record.pool || contains(keys(var.balancers), record.region) || var.accelerator != null])
    error_message = "a pool of edges has no hosts to lead to: its region needs a load balancer."
  }
}

variable "addresses" {
  description = "Addresses of relays by host, where their machines write no records of this zone, as those of other clouds. Machines of the module `mesh` write their own."
  type = map(object({
    ipv4 = optional(string)
    ipv6 = optional(string)
  }))
  default = {}
}

variable "health_check" {
  description = "What a health check asks, as `topology` has it."
  type = object({
    port      = number
    path      = string
    interval  = number
    threshold = number
  })

  validation {
    condition     = contains([10, 30], var.health_check.interval) && var.health_check.threshold >= 1 && var.health_check.threshold <= 10
    error_message = "Route 53 checks every 10 or 30 seconds, and takes a threshold of 1 to 10."
  }
}

variable "routing" {
  description = "How an entrance leads clients to a region: `latency`, `geo` (the `countries` of the regions, and by weight for all others) or `weighted` (round robin by the regions' weights)."
  type        = string
  default     = "latency"

  validation {
    condition     = contains(["latency", "geo", "weighted"], var.routing)
    error_message = "routing must be latency, geo or weighted."
  }
  validation {
    condition     = var.routing != "geo" || anytrue([for record in var.records : length(record.countries) > 0])
    error_message = "routing by geo needs countries in a region."
  }
}

variable "nearest" {
  description = "For regions of other clouds with routing by latency: the region of AWS whose latency stands for theirs, by region, such as `{ us = \"us-east-1\" }`."
  type        = map(string)
  default     = {}

  validation {
    condition     = var.routing != "latency" || alltrue([for record in var.records : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", lookup(var.nearest, record.region, record.location)))])
    error_message = "routing by latency knows regions of AWS alone: name the nearest one of a region of another cloud in nearest."
  }
}

variable "balancers" {
  description = "The load balancer of each region that has one, as the module `mesh` has it."
  type = map(object({
    dns_name = string
    zone_id  = string
  }))
  default = {}
}

variable "accelerator" {
  description = "The anycast addresses, as the module `mesh` has them: viewers of all regions come by them."
  type = object({
    dns_name = string
    zone_id  = string
  })
  default = null
}

variable "tags" {
  description = "Tags of the health checks."
  type        = map(string)
  default     = {}
}
