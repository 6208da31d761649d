variable "domain" {
  description = "DNS name below which the relays are, such as `live.example.com`."
  type        = string
}

variable "zone" {
  description = "Id of the public Route 53 zone that has this name."
  type        = string
}

variable "package" {
  description = "The Debian package of moqmesh for arm64: its URL, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
}

variable "runbooks" {
  description = "URL of your copy of docs/operations.md, which alarms name."
  type        = string
  default     = "https://runbooks.example.com/moqmesh/operations.md"
}

variable "admin_networks" {
  description = "Networks of operators and Prometheus, such as that of a VPN."
  type        = list(string)
  default     = []
}

variable "agent" {
  description = "The CloudWatch agent for Debian on arm64, which ships the logs: its URL, and its SHA-256. Null: the logs stay on the machines."
  type = object({
    url    = string
    sha256 = string
  })
  default = null
}

variable "webhooks" {
  description = "https URLs that alarms are sent to."
  type        = list(string)
  default     = []
}
