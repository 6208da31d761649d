export interface DebianFacts {
  readonly version: string;
  readonly architecture: string;
  /** Of all files. */
  readonly bytes: number;
}

/** Who answers for the package, by the variables of Debian's tools. */
export const MAINTAINER = `${process.env["DEBFULLNAME"] ?? "The moqmesh contributors"} <${process.env["DEBEMAIL"] ?? "moqmesh@localhost"}>`;

/**
 * The control file. The engine needs the C library of Debian 12 or Ubuntu 22.04, and Node the other two. The user, the folders and the kernel's
 * settings are made by what systemd brings.
 */
export function controlFile({ version, architecture, bytes }: DebianFacts): string {
  return `Package: moqmesh
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.34), libgcc-s1, libstdc++6 (>= 9), systemd
Recommends: ca-certificates
Section: net
Priority: optional
Description: QUIC media relay mesh for MoQ publish/subscribe
 moqmesh relays live media for Media over QUIC (MoQ). Publishers push tracks
 over WebTransport, QUIC or WebSocket; the relay fans them out to browsers and
 programs, and relays of several regions form a mesh.
 .
 The package brings the program, its native QUIC engine, the Node that it runs
 on, and a hardened unit of systemd.
`;
}
