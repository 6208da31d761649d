variable "name" {
  description = "Name of the mesh, the dimension `Mesh` of its metrics."
  type        = string
}

variable "regions" {
  description = "Regions of AWS by name: the `location`, how many `machines` report there at least, and the `egress_budget` to viewers in bits per second, if there is one."
  type = map(object({
    location      = string
    machines      = number
    egress_budget = optional(number)
  }))

  validation {
    condition     = length(var.regions) >= 1 && alltrue([for region in values(var.regions) : region.machines >= 1])
    error_message = "regions must have a region, and each region a machine."
  }
  validation {
    condition     = length(distinct(values(var.regions)[*].location)) == length(var.regions)
    error_message = "two regions are in one region of AWS, whose metrics have one sum: give them as one region."
  }
}

variable "metrics" {
  description = "Namespace in CloudWatch of the relays' metrics."
  type        = string
  default     = "moqmesh"
}

variable "runbooks" {
  description = "URL of your copy of docs/operations.md."
  type        = string
  default     = "https://runbooks.example.com/moqmesh/operations.md"
}

variable "refused_tokens" {
  description = "Refused tokens a second from which a relay has MoqmeshAuthFailures."
  type        = number
  default     = 5
}

variable "disabled" {
  description = "Alarms to leave out, by name. MoqmeshRegistryDown is for roots that share a registry."
  type        = list(string)
  default     = []
}

variable "traffic" {
  description = "Watch for abnormal traffic with CloudWatch's anomaly detection, which learns for two weeks."
  type        = bool
  default     = true
}

variable "webhooks" {
  description = "https URLs that SNS sends the alarms to, as of an on-call service; it confirms the subscription."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for url in var.webhooks : can(regex("^https://", url))])
    error_message = "webhooks must be https URLs."
  }
}

variable "balancers" {
  description = "The load balancer of each region that has one, as the module `mesh` has it."
  type = map(object({
    location      = string
    suffix        = string
    target_suffix = string
  }))
  default = {}
}

variable "keys" {
  description = "ARN of the KMS key of the topic by region; CloudWatch needs the right to use it. Without a key KMS does not encrypt the topic: CloudWatch cannot use the one that AWS keeps for SNS."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
