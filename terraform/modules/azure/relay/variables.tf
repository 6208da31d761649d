variable "resource_group" {
  description = "Name of the resource group in which everything is."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,90}$", var.resource_group)) && !endswith(var.resource_group, ".")
    error_message = "resource_group must be the name of a resource group: letters, digits, and _.- in it."
  }
}

variable "name" {
  description = "Name of the mesh, with which the names of all resources begin."
  type        = string
}

variable "region" {
  description = "The region's name in the mesh, such as `eu`."
  type        = string
}

variable "location" {
  description = "The region in the words of Azure, such as `westeurope`."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "location must be a region of Azure in its short form, such as westeurope."
  }
}

variable "groups" {
  description = "The groups of `topology` that run in this region, by name."
  type = map(object({
    name         = string
    region       = string
    role         = string
    pool         = bool
    location     = string
    size         = string
    host         = string
    cluster_host = string
    min          = number
    max          = number
    config       = string
    secrets      = list(string)
  }))

  validation {
    condition     = length(var.groups) > 0 && alltrue([for group in values(var.groups) : group.location == var.location])
    error_message = "groups must have the groups of this region, and no others."
  }
}

variable "architecture" {
  description = "`arm64` or `x86_64`, as `topology` has it: which image the machines start from."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "image" {
  description = "Id of the image of the machines, Debian 13 with cloud-init. Null: Debian's image in Azure's market, in `image_version`."
  type        = string
  default     = null
}

variable "image_version" {
  description = "Version of Debian's image. `latest`: each new machine has the newest one; give a version where an upgrade of the system is to be a change of its own."
  type        = string
  default     = "latest"

  validation {
    condition     = can(regex("^(latest|[0-9]+\\.[0-9]+\\.[0-9]+)$", var.image_version))
    error_message = "image_version must be latest or a version such as 0.20261110.2289."
  }
}

variable "ssh_key" {
  description = "Public key of SSH of the account `relayops`. The network security groups let no SSH in: add a rule of your own, or use Azure Bastion."
  type        = string

  validation {
    condition     = can(regex("^(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/=]+", var.ssh_key))
    error_message = "ssh_key must be a public key such as ssh-ed25519 AAAA…"
  }
}

variable "network" {
  description = "The network of the region: its `id`, the id of the `subnet` of the machines, and the availability `zones` in which they run (none where Azure has none)."
  type = object({
    id     = string
    subnet = string
    zones  = list(string)
  })

  validation {
    condition     = alltrue([for zone in var.network.zones : contains(["1", "2", "3"], zone)])
    error_message = "network.zones are 1, 2 and 3."
  }
}

variable "firewall" {
  description = "Rules for incoming traffic by role, as `topology` has them."
  type = map(list(object({
    protocol = string
    port     = number
    from     = list(string)
    why      = string
  })))
}

variable "ports" {
  description = "Ports of the relays, as `topology` has them."
  type = object({
    public  = optional(number, 443)
    cluster = optional(number, 4445)
    admin   = optional(number, 4444)
    health  = optional(number, 4446)
  })
  default = {}
}

variable "package" {
  description = "The Debian package of moqmesh for the architecture: its URL, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
}

variable "secrets" {
  description = "Each secret by the file that it becomes, such as `secrets/cluster.jwk`: its `url` without a version, and the name of its vault in `vaults`."
  type        = map(object({ url = string, vault = string }))

  validation {
    condition     = alltrue([for secret in values(var.secrets) : can(regex("^https://[a-z0-9.-]+/secrets/[A-Za-z0-9-]+$", secret.url)) && contains(keys(var.vaults), secret.vault)])
    error_message = "a secret has a url such as https://moq.vault.azure.net/secrets/NAME, and a vault of vaults."
  }
}

variable "vaults" {
  description = "Ids of the vaults that have the secrets, by a name."
  type        = map(string)
}

variable "disk_encryption_set" {
  description = "Id of the disk encryption set of this region, with a key of yours. Null: Azure's own keys; the disks are encrypted in both cases."
  type        = string
  default     = null
}

variable "encryption_at_host" {
  description = "Encrypt caches and temporary disks on the host as well. The subscription must have the feature EncryptionAtHost."
  type        = bool
  default     = true
}

variable "zones" {
  description = "Ids of the DNS zones in which machines write their own addresses, the `public` and the `private` one, the ids of the role definitions with which they do, and the life of the records in seconds."
  type = object({
    public        = optional(string)
    public_right  = optional(string)
    private       = optional(string)
    private_right = optional(string)
    ttl           = optional(number, 30)
  })
  default = {}
}

variable "pools" {
  description = "Ids of the backend pools of load balancers of this region by role: machines of the role are in them."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for role in keys(var.pools) : contains(["root", "origin", "regional", "edge"], role)])
    error_message = "pools is by role: root, origin, regional, edge."
  }
}

variable "scaling" {
  description = <<-EOT
    When a pool grows: `egress` is what a machine should send on average, in bits per second, and `sessions` how many sessions it should have. Choose two thirds of what a
    machine can do; below 60 % of both the pool shrinks. `warmup` is the minutes between two machines that are added.
  EOT
  type = object({
    egress   = optional(number, 3000000000)
    sessions = optional(number, 12000)
    warmup   = optional(number, 3)
  })
  default = {}

  validation {
    condition     = var.scaling.egress >= 1000000 && var.scaling.sessions >= 10
    error_message = "scaling.egress must be at least 1000000 bits per second, and scaling.sessions at least 10."
  }
  validation {
    condition     = var.scaling.warmup >= 1 && var.scaling.warmup <= 60 && floor(var.scaling.warmup) == var.scaling.warmup
    error_message = "scaling.warmup must be whole minutes from 1 to 60."
  }
}

variable "spot" {
  description = "Share of spot machines in pools beyond their count, in percent. Azure takes one back with 30 seconds' notice. Machines that keep their name are never spot machines."
  type        = number
  default     = 0

  validation {
    condition     = var.spot >= 0 && var.spot <= 100 && floor(var.spot) == var.spot
    error_message = "spot must be a whole number from 0 to 100."
  }
}

variable "drain" {
  description = "Minutes that a machine has to drain before Azure ends it. It ends earlier when its relay has drained."
  type        = number
  default     = 5

  validation {
    condition     = var.drain >= 5 && var.drain <= 15 && floor(var.drain) == var.drain
    error_message = "drain must be whole minutes from 5 to 15: Azure permits no other."
  }
}

variable "patience" {
  description = "Minutes that a new machine has until its relay must be live; afterwards Azure replaces it. A machine without its secrets is not live."
  type        = number
  default     = 15

  validation {
    condition     = var.patience >= 10 && var.patience <= 90 && floor(var.patience) == var.patience
    error_message = "patience must be whole minutes from 10 to 90."
  }
}

variable "metrics" {
  description = "Namespace of the relays' metrics in Azure Monitor; pools also scale on them."
  type        = string
  default     = "moqmesh"
}

variable "logs" {
  description = "Ship the relays' logs: the id of the data collection rule. Null: the logs stay on the machines."
  type        = object({ rule = string })
  default     = null
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
