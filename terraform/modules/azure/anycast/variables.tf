variable "resource_group" {
  description = "Name of the resource group in which everything is."
  type        = string
}

variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "label" {
  description = "Beginning of the hosts that Azure gives the addresses, such as `moq-media`: unique in each region of Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}$", var.label))
    error_message = "label must be 2 to 41 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "regions" {
  description = "Regions with edges by name: the `location` in the words of Azure, its availability `zones`, and the `weight`, 0 to send no new viewers there through the global address."
  type = map(object({
    location = string
    zones    = optional(list(string), ["1", "2", "3"])
    weight   = optional(number, 100)
  }))
}

variable "world" {
  description = "A global load balancer with one anycast address: the `location` that is its home, one of those that Azure offers for it, such as `westeurope`. It passes traffic while the home is down. Null: none."
  type        = object({ location = string })
  default     = null

  validation {
    condition     = var.world == null || anytrue([for region in values(var.regions) : region.weight > 0])
    error_message = "the global load balancer needs a region with a weight over 0."
  }
}

variable "ports" {
  description = "Ports of the relays, as `topology` has them."
  type = object({
    public  = optional(number, 443)
    cluster = optional(number, 4445)
    admin   = optional(number, 4444)
    health  = optional(number, 4446)
  })
  default = {}
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
