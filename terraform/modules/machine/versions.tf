terraform {
  # No provider: `tofu test` runs it anywhere.
  required_version = ">= 1.9"
}
