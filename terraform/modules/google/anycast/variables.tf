variable "project" {
  description = "Id of the project."
  type        = string
}

variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "regions" {
  description = "Regions with edges by name: the `location` in the words of Google, and the `instance_groups` of the edges by group."
  type = map(object({
    location        = string
    instance_groups = map(string)
  }))

  validation {
    condition     = alltrue([for region in values(var.regions) : length(region.instance_groups) > 0])
    error_message = "a region has at least one instance group of edges."
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

variable "logs" {
  description = "Share of the connections that are logged, 0 to 1. Each costs."
  type        = number
  default     = 0

  validation {
    condition     = var.logs >= 0 && var.logs <= 1
    error_message = "logs must be a share from 0 to 1."
  }
}

variable "labels" {
  description = "Labels of all resources that take them."
  type        = map(string)
  default     = {}
}
