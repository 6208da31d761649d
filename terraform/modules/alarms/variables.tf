variable "runbooks" {
  description = "URL of your copy of docs/operations.md; each alarm has it with the anchor of its section."
  type        = string
  default     = "https://runbooks.example.com/moqmesh/operations.md"

  validation {
    condition     = can(regex("^https://[^#\\s]+$", var.runbooks))
    error_message = "runbooks must be an https URL without an anchor."
  }
}

variable "refused_tokens" {
  description = "Refused tokens a second from which a relay has MoqmeshAuthFailures. Prometheus compares with the hour before; this alarm has a fixed bound."
  type        = number
  default     = 5

  validation {
    condition     = var.refused_tokens > 0
    error_message = "refused_tokens must be over 0."
  }
}

variable "disabled" {
  description = "Alarms to leave out, by name."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.disabled : contains(keys(local.alarms), name)])
    error_message = "disabled names an alarm that does not exist: ${join(", ", [for name in var.disabled : name if !contains(keys(local.alarms), name)])}."
  }
}
