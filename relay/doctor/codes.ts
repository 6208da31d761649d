/** Codes of what `moqmesh doctor` examines. They are stable: scripts name them. */
const MEANINGS = {
  node_version: "Node is the version that the program needs.",
  native_engine: "The native engine for QUIC loads.",
  configuration: "The configuration has no problems. Problems and warnings have the codes of `check`.",
  ports: "Each port can be bound, or a relay runs with it.",
  clock_offset: "The clock agrees with an NTP server (`--ntp`) or with a root.",
  clock_steps:
    "The clock has not been set back: no file of the relay is from the future, and no step came during the examination.",
  time_sync: "A program keeps the clock right.",
  open_files: "The process may open enough files: one for each session over WebSocket.",
  kernel_setting: "A setting of the kernel is large enough; `--sysctl` prints a file with all of them.",
  udp_offload: "The kernel sends and receives several UDP packets in one call (GSO, GRO).",
  memory_limit: "The memory that the process may use is enough.",
  cpu_limit: "The process may use at least one whole CPU.",
  swap: "The machine does not swap.",
  ipv6: "IPv6 is on where the relay listens on `::`.",
  interface_mtu: "Each interface that is up carries QUIC's packets of 1200 bytes.",
  state_disk: "The folder of the state can be written, and its disk has room.",
  root_reachable: "Each root accepts a session of this relay.",
  self_udp: "This relay is reached over UDP under its own URL.",
  self_tcp: "This relay is reached over TCP under its own URL.",
} as const;

export type DoctorCode = keyof typeof MEANINGS;

export const DOCTOR_MEANINGS: ReadonlyMap<string, string> = new Map(Object.entries(MEANINGS));
