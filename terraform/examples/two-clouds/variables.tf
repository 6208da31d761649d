variable "domain" {
  description = "DNS name below which the relays are, such as `live.example.com`."
  type        = string
}

variable "zone" {
  description = "Id of the public Route 53 zone that has this name."
  type        = string
}

variable "project" {
  description = "Id of the project of Google Cloud."
  type        = string
}

variable "package" {
  description = "The Debian package of moqmesh for arm64: its URL, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
}

variable "admin_networks" {
  description = "Networks of operators and Prometheus, such as that of a VPN that reaches both clouds."
  type        = list(string)
  default     = []
}

variable "runbooks" {
  description = "URL of your copy of docs/operations.md, which alerts name."
  type        = string
  default     = "https://runbooks.example.com/moqmesh/operations.md"
}

variable "channels" {
  description = "Notification channels of Google Cloud Monitoring, as `projects/PROJECT/notificationChannels/ID`."
  type        = list(string)
}

variable "webhooks" {
  description = "https URLs that alarms of AWS are sent to."
  type        = list(string)
  default     = []
}
