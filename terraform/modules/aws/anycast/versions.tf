terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Version 6 has `region` on every resource: one provider serves any list of regions.
      version = "~> 6.0"
    }
  }
}
