output "entrances" {
  description = "Host of each entrance, and the addresses to which it leads, by region."
  value = {
    for entrance, record in local.records : entrance => {
      host      = record.host
      addresses = { for region, place in record.places : region => place.addresses }
    }
  }
}
