variable "name" {
  description = "Name of the mesh: the beginning of every relay's name."
  type        = string
  default     = "moq"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$", var.name))
    error_message = "name must be 1 to 16 lower-case letters, digits and hyphens, and begin with a letter: it is a part of host names."
  }
}

variable "domain" {
  description = "DNS zone of the mesh, such as `live.example.com`. Relays are hosts below it; viewers use the zone's `watch`, publishers its `publish`."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain)) && length(var.domain) <= 200
    error_message = "domain must be a DNS name in lower-case letters, such as live.example.com."
  }
}

variable "cluster_domain" {
  description = "DNS zone of the names at which relays dial each other, such as a private zone `mesh.live.example.com`. None: `domain`."
  type        = string
  default     = null

  validation {
    condition     = var.cluster_domain == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.cluster_domain))
    error_message = "cluster_domain must be a DNS name in lower-case letters, such as mesh.live.example.com."
  }
}

variable "regions" {
  description = <<-EOT
    The regions by name. `cloud` is `aws`, `google`, `azure` or `none` (machines that you run yourself), `location` the cloud's name of the region.
    A count is how many relays of a role run there. `max` makes the edges or regionals of the region a pool, which grows from that count to `max` with its load. `size` is the cloud's name of a machine, by role where they differ. `near` names the regions that this
    one uses when its own relays fail, best first; without it all others in alphabetical order. `weight` is the share of new viewers where DNS shares them
    out, 0 to send none. `countries` are the ISO codes, or the two letters of a continent after `continent:`, whose viewers come here by geographic DNS.
  EOT
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
    condition     = length(var.regions) > 0 && length(var.regions) <= 64
    error_message = "regions must have 1 to 64 regions."
  }
  validation {
    condition     = alltrue([for name in keys(var.regions) : can(regex("^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$", name))])
    error_message = "the name of a region must be 1 to 16 lower-case letters, digits and hyphens, and begin with a letter."
  }
  validation {
    condition     = alltrue([for region in values(var.regions) : contains(["aws", "google", "azure", "none"], region.cloud)])
    error_message = "the cloud of a region must be aws, google, azure or none."
  }
  validation {
    condition = alltrue([for region in values(var.regions) : alltrue([
      for count in [region.roots, region.origins, region.regionals, region.edges] : count >= 0 && count <= 500 && floor(count) == count
    ])])
    error_message = "roots, origins, regionals and edges must be whole numbers from 0 to 500."
  }
  validation {
    condition     = alltrue([for region in values(var.regions) : alltrue([for role in keys(region.max) : contains(["edge", "regional"], role)])])
    error_message = "max is for edge and regional: roots and origins keep their names."
  }
  validation {
    condition = alltrue([for region in values(var.regions) : alltrue([
      for role, most in region.max : most <= 500 && floor(most) == most && most >= (role == "edge" ? region.edges : region.regionals) && (role == "edge" ? region.edges : region.regionals) >= 1
    ])])
    error_message = "max must be a whole number from the count of its role to 500, and that count at least 1."
  }
  validation {
    condition     = sum([for region in values(var.regions) : region.roots]) >= 1
    error_message = "the mesh needs a root: set roots = 1 in a region, better in two."
  }
  validation {
    condition     = sum([for region in values(var.regions) : region.roots]) <= 8
    error_message = "the mesh may have at most 8 roots: every relay keeps a session to each."
  }
  validation {
    condition     = sum([for region in values(var.regions) : region.origins]) >= 1
    error_message = "the mesh needs an origin, which takes publishers: set origins in a region."
  }
  validation {
    condition     = sum([for region in values(var.regions) : region.edges]) >= 1
    error_message = "the mesh needs an edge, which serves viewers: set edges in a region."
  }
  validation {
    condition     = alltrue([for region in values(var.regions) : region.weight >= 0 && region.weight <= 255 && floor(region.weight) == region.weight])
    error_message = "weight must be a whole number from 0 to 255."
  }
  validation {
    condition     = anytrue([for region in values(var.regions) : region.edges > 0 && region.weight > 0])
    error_message = "a region with edges needs a weight over 0: else no viewer is sent anywhere."
  }
  validation {
    condition = alltrue([for name, region in var.regions : alltrue([
      for other in coalesce(region.near, []) : contains(keys(var.regions), other) && other != name
    ])])
    error_message = "near names other regions of this mesh, not the region itself."
  }
  validation {
    condition     = alltrue([for region in values(var.regions) : length(distinct(coalesce(region.near, []))) == length(coalesce(region.near, []))])
    error_message = "near has a region twice."
  }
  validation {
    condition = alltrue([for region in values(var.regions) : alltrue([
      for role in keys(region.sizes) : contains(["root", "origin", "regional", "edge"], role)
    ])])
    error_message = "sizes is by role: root, origin, regional, edge."
  }
  validation {
    condition = alltrue([for region in values(var.regions) : alltrue([
      for place in region.countries : can(regex("^([A-Z]{2}|continent:(AF|AN|AS|EU|NA|OC|SA))$", place))
    ])])
    error_message = "countries are ISO codes such as DE, or continents such as continent:EU."
  }
  validation {
    condition = (
      length(flatten([for region in values(var.regions) : region.countries]))
      == length(distinct(flatten([for region in values(var.regions) : region.countries])))
    )
    error_message = "a country or continent may belong to one region only."
  }
}

variable "architecture" {
  description = "`arm64` or `x86_64`: which machines the defaults of `size` are."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "admin_networks" {
  description = "Networks in CIDR form from which operators and Prometheus reach the admin listener (TCP). None: only the machine itself."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for block in var.admin_networks : can(cidrhost(block, 0))])
    error_message = "admin_networks must be networks such as 10.0.0.0/8."
  }
  validation {
    condition     = !contains(var.admin_networks, "0.0.0.0/0") && !contains(var.admin_networks, "::/0")
    error_message = "admin_networks must not be the whole internet: who reaches the admin listener can try credentials."
  }
}

variable "cluster_networks" {
  description = "Networks in CIDR form in which the relays reach each other. None: the whole internet may dial the cluster listener, and tokens alone keep it out."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for block in var.cluster_networks : can(cidrhost(block, 0))])
    error_message = "cluster_networks must be networks such as 10.0.0.0/8."
  }
}

variable "ports" {
  description = "Ports: `public` (UDP and TCP) of clients, `cluster` (UDP and TCP) of relays, `admin` and `health` (TCP)."
  type = object({
    public  = optional(number, 443)
    cluster = optional(number, 4445)
    admin   = optional(number, 4444)
    health  = optional(number, 4446)
  })
  default = {}

  validation {
    condition = alltrue([
      for port in [var.ports.public, var.ports.cluster, var.ports.admin, var.ports.health] : port >= 1 && port <= 65535 && floor(port) == port
    ])
    error_message = "a port is a whole number from 1 to 65535."
  }
  validation {
    condition     = length(distinct([var.ports.public, var.ports.cluster, var.ports.admin, var.ports.health])) == 4
    error_message = "the four ports must differ."
  }
}

variable "limits" {
  description = "Bounds of each relay: `sessions`, and `memory` as the configuration writes it, such as `3GiB` (`auto`: that of the machine)."
  type = object({
    sessions = optional(number, 20000)
    memory   = optional(string, "auto")
  })
  default = {}

  validation {
    condition     = var.limits.sessions >= 1 && floor(var.limits.sessions) == var.limits.sessions
    error_message = "limits.sessions must be a whole number from 1."
  }
}

variable "registry" {
  description = "URL of a Redis or Valkey that all roots share, without its password, such as `rediss://registry.internal:6379/0`. None: each root keeps its own registry."
  type        = string
  default     = null

  validation {
    condition     = var.registry == null || can(regex("^(redis|rediss|valkey|valkeys)://[^@]+$", var.registry))
    error_message = "registry must be a URL such as rediss://registry.internal:6379/0, without a password: that is a secret (registry_file)."
  }
}

variable "mutual_tls" {
  description = "Relays show each other certificates as well as tokens: where they meet over the internet, as in a mesh over several clouds. Each relay has one with its own name, so no role may be a pool."
  type        = bool
  default     = false

  validation {
    condition     = !var.mutual_tls || alltrue([for region in values(var.regions) : length(region.max) == 0])
    error_message = "mutual_tls needs relays that keep their names: no region may have max."
  }
}
