/**
 * Node's module `http`. An `import` of it would read every export, and its `WebSocket` loads the whole of Node's own web client: 14 MB of
 * memory that a relay does not use.
 */
export const http = process.getBuiltinModule("node:http");
