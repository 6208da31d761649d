variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "zone" {
  description = "The public zone in Cloud DNS, as `projects/PROJECT/managedZones/NAME`."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/managedZones/[^/]+$", var.zone))
    error_message = "zone must be projects/PROJECT/managedZones/NAME."
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
}

variable "addresses" {
  description = "Public addresses of relays by host, of all clouds whose relays are to be found here."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for address in values(var.addresses) : can(regex("^[0-9]+(\\.[0-9]+){3}$", address)) && can(cidrhost("${address}/32", 0))])
    error_message = "addresses must be of IPv4: Cloud DNS checks the health of these."
  }
}

variable "balancers" {
  description = "Address of the load balancer of a region, by region: `watch` leads there in place of the relays."
  type        = map(object({ address = string }))
  default     = {}
}

variable "policy" {
  description = "`geo`: the region nearest to the viewer that is healthy, by the places of Google's regions; `countries` of a region play no part. `weighted`: by the `weight` of the regions, as round robin where all are equal."
  type        = string
  default     = "geo"

  validation {
    condition     = contains(["geo", "weighted"], var.policy)
    error_message = "policy must be geo or weighted."
  }
}

variable "locations" {
  description = "The region of Google that is nearest to a region of another cloud, by region: where geographic DNS places it."
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

variable "source_regions" {
  description = "Three regions of Google from which the relays are checked."
  type        = list(string)
  default     = ["europe-west1", "us-east1", "asia-southeast1"]

  validation {
    condition     = length(var.source_regions) == 3 && length(distinct(var.source_regions)) == 3
    error_message = "source_regions must be three different regions."
  }
}

variable "ttl" {
  description = "Life of the records in seconds: how long a viewer may go on to a region that has failed."
  type        = number
  default     = 30

  validation {
    condition     = var.ttl >= 5 && var.ttl <= 3600
    error_message = "ttl must be 5 to 3600 seconds."
  }
}
