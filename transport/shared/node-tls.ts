/**
 * Node's module `tls`. An `import` of it would read every export, and its `rootCertificates` makes texts of all public authorities: 1 MB of
 * memory that a relay does not use.
 */
export const tls = process.getBuiltinModule("node:tls");
