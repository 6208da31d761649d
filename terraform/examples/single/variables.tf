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
