import { COMMANDS } from "../../cli/commands.ts";

/** The manual page: what `moqmesh --help` says. */
export function manPage(): string {
  const commands = COMMANDS.map(({ name, summary }) => `.TP\n.B ${roff(name)}\n${roff(summary)}\n`);
  return `.TH MOQMESH 1
.SH NAME
moqmesh \\- relay for Media over QUIC
.SH SYNOPSIS
.B moqmesh
.I COMMAND
[\\fIARGUMENT\\fR...]
.SH DESCRIPTION
Runs a relay for Media over QUIC, and asks relays.
.B moqmesh COMMAND \\-\\-help
has the arguments and options of a command.
.SH COMMANDS
${commands.join("")}.SH FILES
.TP
.I /etc/moqmesh/relay.toml
The configuration of the relay that systemd runs as
.BR moqmesh.service .
.TP
.I /usr/share/doc/moqmesh
The configuration's reference, exit codes, metrics and the run book.
`;
}

function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");
}
