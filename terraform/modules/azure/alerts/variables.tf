variable "resource_group" {
  description = "Name of the resource group of the alerts."
  type        = string
}

variable "name" {
  description = "Name of the mesh."
  type        = string
}

variable "networks" {
  description = "Id of the network of each region, as the module `mesh` has them: they have the metrics of the region."
  type        = map(string)
}

variable "profiles" {
  description = "Ids of the profiles of Traffic Manager, as the module `dns` has them. Relays that are in none of them, as roots and regionals, are missed by MoqmeshRootUnreachable and MoqmeshFailovers of the others."
  type        = map(string)
  default     = {}
}

variable "emails" {
  description = "E-mail addresses of the operators, by a name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for address in values(var.emails) : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "emails must be addresses such as ops@example.com."
  }
}

variable "webhooks" {
  description = "Webhooks that get the alerts in Azure's common schema, by a name: the `url`, and for one that asks for a token of Entra the `object_id` and `identifier_uri` of its application. A URL with a secret in it would be in the state."
  type = map(object({
    url            = string
    object_id      = optional(string)
    identifier_uri = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for webhook in values(var.webhooks) : startswith(webhook.url, "https://")])
    error_message = "a webhook has an https URL."
  }
}

variable "action_groups" {
  description = "Ids of action groups that exist already, which get the alerts as well."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.action_groups) + length(var.emails) + length(var.webhooks) > 0
    error_message = "give emails, webhooks or action_groups: an alert without one reaches no human."
  }
}

variable "metrics" {
  description = "Namespace of the relays' metrics, as the module `mesh` has it."
  type        = string
  default     = "moqmesh"
}

variable "budgets" {
  description = "Egress that the relays of a region may have together, in bits per second, by region of the mesh."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for region, budget in var.budgets : budget > 0 && contains(keys(var.networks), region)])
    error_message = "a budget is over 0, and of a region of networks."
  }
}

variable "runbooks" {
  description = "URL of your copy of docs/operations.md; each alert has it with the anchor of its section."
  type        = string
  default     = "https://runbooks.example.com/moqmesh/operations.md"
}

variable "refused_tokens" {
  description = "Refused tokens a second from which a relay has MoqmeshAuthFailures."
  type        = number
  default     = 5
}

variable "disabled" {
  description = "Alerts of the module `alarms` to leave out, by name."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of all alerts."
  type        = map(string)
  default     = {}
}
