variable "project" {
  description = "Id of the project in which everything is."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be the id of a project, such as media-123456."
  }
}

variable "name" {
  description = "Name of the mesh: the beginning of every relay's name and of the names of all resources."
  type        = string
  default     = "moq"
}

variable "domain" {
  description = "DNS zone of the mesh, such as `live.example.com`."
  type        = string
}

variable "cluster_domain" {
  description = "Zone of the names at which relays dial each other over the private network, such as `mesh.live.example.com`; the module makes it as a private zone. Certificates must have these names as well. Null: relays dial each other's public names, as a mesh over several clouds needs."
  type        = string
  default     = null
}

variable "zone" {
  description = "The public zone of `domain` in Cloud DNS, as `projects/PROJECT/managedZones/NAME`; the module writes the relays' names into it. Null: something else writes them, with the output `addresses`."
  type        = string
  default     = null

  validation {
    condition     = var.zone == null || can(regex("^projects/[^/]+/managedZones/[^/]+$", var.zone))
    error_message = "zone must be projects/PROJECT/managedZones/NAME."
  }
  validation {
    condition     = var.zone != null || alltrue([for region in values(var.regions) : length(region.max) == 0 if region.cloud == "google"])
    error_message = "machines of a pool write their own names: set zone."
  }
}

variable "regions" {
  description = "All regions of the mesh, as `topology` takes them. Those of other clouds are in the relays' configurations alone; their modules make their machines."
  type = map(object({
    cloud     = string
    location  = string
    roots     = optional(number, 0)
    origins   = optional(number, 0)
    regionals = optional(number, 0)
    edges     = optional(number, 0)
    max       = optional(map(number), {})
    size      = optional(string)
    sizes     = optional(map(string), {})
    near      = optional(list(string))
    weight    = optional(number, 100)
    countries = optional(list(string), [])
  }))

  validation {
    condition     = anytrue([for region in values(var.regions) : region.cloud == "google"])
    error_message = "no region has cloud = \"google\"."
  }
}

variable "networks" {
  description = "For each region of Google Cloud: the `zones` in which machines run, better three of them, and its private network `cidr`, which a mesh of one region may leave out."
  type = map(object({
    cidr  = optional(string)
    zones = list(string)
  }))

  validation {
    condition     = alltrue([for name, region in var.regions : contains(keys(var.networks), name) if region.cloud == "google"])
    error_message = "networks lacks a region of Google Cloud: give its zones."
  }
  validation {
    condition     = length([for region in values(var.regions) : region if region.cloud == "google"]) == 1 || alltrue([for network in values(var.networks) : network.cidr != null])
    error_message = "give each region its cidr, such as 10.64.0.0/16: without it, a region that you add could get the network of another one."
  }
}

variable "space" {
  description = "Network from which a region without a `cidr` gets its own."
  type        = string
  default     = "10.64.0.0/10"
}

variable "architecture" {
  description = "`arm64` (c4a and alike) or `x86_64`: which sizes and images the machines have."
  type        = string
  default     = "arm64"
}

variable "image" {
  description = "Image of the machines. Null: the newest Debian 13 at the time of `apply`; give one where an upgrade of the system is to be a change of its own."
  type        = string
  default     = null
}

variable "admin_networks" {
  description = "Networks from which operators and Prometheus reach the admin listener, as `topology` takes them."
  type        = list(string)
  default     = []
}

variable "cluster_networks" {
  description = "Networks of relays besides those of these regions, as of other clouds."
  type        = list(string)
  default     = []
}

variable "ports" {
  description = "Ports of the relays, as `topology` takes them."
  type = object({
    public  = optional(number, 443)
    cluster = optional(number, 4445)
    admin   = optional(number, 4444)
    health  = optional(number, 4446)
  })
  default = {}
}

variable "limits" {
  description = "Bounds of each relay, as `topology` takes them."
  type = object({
    sessions = optional(number, 20000)
    memory   = optional(string, "auto")
  })
  default = {}
}

variable "registry" {
  description = "URL of a Redis or Valkey that all roots share, as `topology` takes it."
  type        = string
  default     = null
}

variable "mutual_tls" {
  description = "Relays show each other certificates as well as tokens, as `topology` takes it: for a mesh over several clouds."
  type        = bool
  default     = false
}

variable "package" {
  description = "The Debian package of moqmesh for the architecture: its URL, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
}

variable "disk_keys" {
  description = "Keys of Cloud KMS for disks by region. Where there is none, Google's own keys encrypt them."
  type        = map(string)
  default     = {}
}

variable "secret_keys" {
  description = "Keys of Cloud KMS for secrets by location of Google: secrets are then kept in these locations alone. None: Google's own keys, and locations that Google chooses."
  type        = map(string)
  default     = {}
}

variable "balancer" {
  description = "A load balancer for edges in each region, with one address; `logs` is the share of connections that it logs, 0 to 1. Null: DNS leads clients to the machines themselves; pools need a load balancer."
  type = object({
    logs = optional(number, 0)
  })
  default = null

  validation {
    condition     = var.balancer != null || alltrue([for region in values(var.regions) : !contains(keys(region.max), "edge") if region.cloud == "google"])
    error_message = "edges with max are a pool, whose machines come and go: set balancer = {}."
  }
}

variable "scaling" {
  description = "What a machine of a pool should send (`egress`, bits per second) and carry (`sessions`) on average."
  type = object({
    egress   = optional(number, 3000000000)
    sessions = optional(number, 12000)
    warmup   = optional(number, 180)
  })
  default = {}
}

variable "spot" {
  description = "Machines of pools are spot machines, all of them."
  type        = bool
  default     = false
}

variable "spot_notice" {
  description = "Seconds between Google's notice and the shutdown of a spot machine, as the module `relay` takes them."
  type        = number
  default     = 120
}

variable "metrics" {
  description = "The relays' metrics are `custom.googleapis.com/METRICS/NAME` in Cloud Monitoring."
  type        = string
  default     = "moqmesh"
}

variable "logs" {
  description = "The Debian package of Google's Ops Agent, as the module `relay` takes it."
  type = object({
    agent = optional(object({ url = string, sha256 = string }))
  })
  default = {}
}

variable "flow_logs" {
  description = "Log one of a hundred flows of the network: for traffic that nothing else explains. Each costs."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to delete the secrets."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Labels of all resources that take them."
  type        = map(string)
  default     = {}
}
