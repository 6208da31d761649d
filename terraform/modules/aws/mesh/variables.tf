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
  description = "Id of the public Route 53 zone of `domain`, in which machines write their addresses. Null: something else writes them."
  type        = string
  default     = null

  validation {
    condition     = var.zone == null || can(regex("^Z[A-Z0-9]+$", var.zone))
    error_message = "zone must be the id of a Route 53 zone, such as Z0123456789ABCDEFGHIJ."
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
    condition     = anytrue([for region in values(var.regions) : region.cloud == "aws"])
    error_message = "no region has cloud = \"aws\"."
  }
}

variable "networks" {
  description = "For each region of AWS: the availability `zones` in which machines run, and its private network `cidr`, which a mesh of one region may leave out."
  type = map(object({
    cidr  = optional(string)
    zones = list(string)
  }))

  validation {
    condition     = alltrue([for name, region in var.regions : contains(keys(var.networks), name) if region.cloud == "aws"])
    error_message = "networks lacks a region of AWS: give its zones."
  }
  validation {
    condition     = length([for region in values(var.regions) : region if region.cloud == "aws"]) == 1 || alltrue([for network in values(var.networks) : network.cidr != null])
    error_message = "give each region its cidr, such as 10.64.0.0/16: without it, a region that you add could get the network of another one."
  }
}

variable "space" {
  description = "Network from which a region without a `cidr` gets its own."
  type        = string
  default     = "10.64.0.0/10"
}

variable "home" {
  description = "Region in which the secrets are kept; the others get copies. A mesh of one region may leave it out. A change of it means new secrets."
  type        = string
  default     = null

  validation {
    condition     = var.home == null || try(var.regions[var.home].cloud == "aws", false)
    error_message = "home must be a region of AWS."
  }
  validation {
    condition     = var.home != null || length([for region in values(var.regions) : region if region.cloud == "aws"]) == 1
    error_message = "home must name the region that keeps the secrets: a region that you add shall not move them."
  }
}

variable "architecture" {
  description = "`arm64` (c7g and alike) or `x86_64`: which sizes and images the machines have."
  type        = string
  default     = "arm64"
}

variable "images" {
  description = "Image (AMI) by region. A region without one gets the newest Debian 13 at the time of `apply`; give images where an upgrade of the system is to be a change of its own."
  type        = map(string)
  default     = {}
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

variable "keys" {
  description = "KMS keys by region: ARNs of the key of `secrets` and of `disks`. Where there is none, AWS's own keys encrypt them."
  type = map(object({
    secrets = optional(string)
    disks   = optional(string)
  }))
  default = {}
}

variable "balancer" {
  description = "A load balancer for edges in each region: `quic` follows QUIC connections by server id, else by address and port; `accelerator` puts one anycast address before all regions; `deletion_protection` keeps the load balancers from being deleted; `access_logs` are buckets of S3 by region. Null: DNS leads clients to the machines themselves; pools need a load balancer."
  type = object({
    quic                = optional(bool, true)
    accelerator         = optional(bool, false)
    deletion_protection = optional(bool, true)
    access_logs         = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.balancer != null || alltrue([for region in values(var.regions) : !contains(keys(region.max), "edge") if region.cloud == "aws"])
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
  description = "Share of spot machines in pools beyond their count, in percent."
  type        = number
  default     = 0
}

variable "drain" {
  description = "Seconds that a machine has to drain before AWS ends it."
  type        = number
  default     = 120
}

variable "metrics" {
  description = "Namespace in CloudWatch of the relays' metrics."
  type        = string
  default     = "moqmesh"
}

variable "logs" {
  description = "Days that CloudWatch keeps the relays' logs, and the agent that ships them, as the module `relay` takes them."
  type = object({
    days  = optional(number, 30)
    agent = optional(object({ url = string, sha256 = string }))
  })
  default = {}
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
