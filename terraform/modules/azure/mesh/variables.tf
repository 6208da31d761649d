variable "resource_group" {
  description = "Name of the resource group in which everything is."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,90}$", var.resource_group)) && !endswith(var.resource_group, ".")
    error_message = "resource_group must be the name of a resource group: letters, digits, and _.- in it."
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
  description = "Id of the public DNS zone of `domain` in Azure, in which machines write their addresses. Null: something else writes them."
  type        = string
  default     = null

  validation {
    condition     = var.zone == null || can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Network/dnsZones/[^/]+$", var.zone))
    error_message = "zone must be /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/dnsZones/NAME."
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
    condition     = anytrue([for region in values(var.regions) : region.cloud == "azure"])
    error_message = "no region has cloud = \"azure\"."
  }
}

variable "networks" {
  description = "For each region of Azure: the availability `zones` in which machines run, such as `[\"1\", \"2\", \"3\"]`, and its private network `cidr`, which a mesh of one region may leave out."
  type = map(object({
    cidr  = optional(string)
    zones = list(string)
  }))

  validation {
    condition     = alltrue([for name, region in var.regions : contains(keys(var.networks), name) if region.cloud == "azure"])
    error_message = "networks lacks a region of Azure: give its zones."
  }
  validation {
    condition     = length([for region in values(var.regions) : region if region.cloud == "azure"]) == 1 || alltrue([for network in values(var.networks) : network.cidr != null])
    error_message = "give each region its cidr, such as 10.64.0.0/16: without it, a region that you add could get the network of another one."
  }
}

variable "space" {
  description = "Network from which a region without a `cidr` gets its own."
  type        = string
  default     = "10.64.0.0/10"
}

variable "home" {
  description = "Region in which the vaults are. Null: the first one in alphabetical order. It cannot be changed later without new vaults."
  type        = string
  default     = null

  validation {
    condition     = var.home == null || try(var.regions[var.home].cloud == "azure", false)
    error_message = "home must be a region of Azure."
  }
}

variable "architecture" {
  description = "`arm64` (Cobalt and alike) or `x86_64`: which sizes and images the machines have."
  type        = string
  default     = "arm64"
}

variable "images" {
  description = "Id of an image by region, Debian 13 with cloud-init. A region without one gets Debian's image in Azure's market."
  type        = map(string)
  default     = {}
}

variable "image_version" {
  description = "Version of Debian's image, as the module `relay` takes it."
  type        = string
  default     = "latest"
}

variable "ssh_key" {
  description = "Public key of SSH of the account `relayops`, as the module `relay` takes it."
  type        = string
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

variable "vault" {
  description = "Name of the vault of the relays' secrets, unique in all of Azure. With `registry`, the roots have another one with `-roots` at the end."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,16}[a-z0-9]$", var.vault)) && !strcontains(var.vault, "--")
    error_message = "vault must be 3 to 18 lower-case letters, digits and single hyphens, and begin with a letter."
  }
}

variable "vault_networks" {
  description = "Public networks of the operators who fill the vaults, such as `203.0.113.0/24`. None: only machines in the networks of the relays reach the vaults."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for block in var.vault_networks : can(cidrhost(block, 0)) && !startswith(block, "0.0.0.0/")])
    error_message = "vault_networks must be networks such as 203.0.113.0/24, and not the whole internet."
  }
}

variable "disk_encryption_sets" {
  description = "Ids of disk encryption sets by region. Where there is none, Azure's own keys encrypt the disks."
  type        = map(string)
  default     = {}
}

variable "encryption_at_host" {
  description = "Encrypt on the host as well, as the module `relay` takes it."
  type        = bool
  default     = true
}

variable "balancer" {
  description = "A load balancer for edges in each region; `label` begins the hosts that Azure gives their addresses, and `world` puts one anycast address before all regions, as the module `anycast` takes them. Null: DNS leads clients to the machines themselves; pools need a load balancer."
  type = object({
    label = string
    world = optional(object({ location = string }))
  })
  default = null

  validation {
    condition     = var.balancer != null || alltrue([for region in values(var.regions) : !contains(keys(region.max), "edge") if region.cloud == "azure"])
    error_message = "edges with max are a pool, whose machines come and go: set balancer."
  }
}

variable "scaling" {
  description = "What a machine of a pool should send (`egress`, bits per second) and carry (`sessions`) on average, and the minutes between two machines that are added (`warmup`)."
  type = object({
    egress   = optional(number, 3000000000)
    sessions = optional(number, 12000)
    warmup   = optional(number, 3)
  })
  default = {}
}

variable "spot" {
  description = "Share of spot machines in pools beyond their count, in percent."
  type        = number
  default     = 0
}

variable "drain" {
  description = "Minutes that a machine has to drain before Azure ends it, 5 to 15."
  type        = number
  default     = 5
}

variable "metrics" {
  description = "Namespace of the relays' metrics in Azure Monitor; pools also scale on them."
  type        = string
  default     = "moqmesh"
}

variable "logs" {
  description = "Ship the relays' logs to Log Analytics: the `days` that it keeps them, and the most that it takes in a day. Null: the logs stay on the machines."
  type = object({
    days            = optional(number, 30)
    daily_gigabytes = optional(number, 10)
  })
  default = null

  validation {
    condition     = var.logs == null || try(var.logs.days >= 30 && var.logs.days <= 730, false)
    error_message = "logs.days must be 30 to 730."
  }
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
