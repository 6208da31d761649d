variable "project" {
  description = "Id of the project."
  type        = string
}

variable "name" {
  description = "Name of the mesh."
  type        = string
}

variable "groups" {
  description = "Groups of machines by name, as the module `mesh` has them: so many machines must report."
  type        = map(object({ min = number }))
}

variable "channels" {
  description = "Notification channels of Cloud Monitoring, as `projects/PROJECT/notificationChannels/ID`. You make them: a channel has addresses or secrets of yours."
  type        = list(string)

  validation {
    condition     = length(var.channels) > 0 && alltrue([for channel in var.channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "channels must have at least one projects/PROJECT/notificationChannels/ID: an alert without one reaches no human."
  }
}

variable "metrics" {
  description = "The relays' metrics are `custom.googleapis.com/METRICS/NAME`, as the module `mesh` has it."
  type        = string
  default     = "moqmesh"
}

variable "budgets" {
  description = "Egress that the relays of a region of Google may have together, in bits per second, by region such as `europe-west3`."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for budget in values(var.budgets) : budget > 0])
    error_message = "a budget is over 0."
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

variable "labels" {
  description = "Labels of all alerts."
  type        = map(string)
  default     = {}
}
