variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "regions" {
  description = "Regions with edges by name: the `location` in the words of AWS, the `vpc` and its `subnets`, and the `weight`, 0 to send no new viewers there."
  type = map(object({
    location = string
    vpc      = string
    subnets  = list(string)
    weight   = optional(number, 100)
  }))

  validation {
    condition     = length(distinct(values(var.regions)[*].location)) == length(var.regions) || !var.accelerator
    error_message = "the accelerator takes one region of the mesh for each region of AWS."
  }
}

variable "quic" {
  description = "Follow QUIC connections by server id, so that a client whose address changes stays with its relay. False: by address and port."
  type        = bool
  default     = true
}

variable "accelerator" {
  description = "Put a Global Accelerator before the regions: two anycast addresses."
  type        = bool
  default     = false
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

variable "deletion_protection" {
  description = "Refuse to delete the load balancers: DNS leads viewers to them."
  type        = bool
  default     = true
}

variable "access_logs" {
  description = "Buckets of S3 for the logs of the load balancers, by region. None: no such logs."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
