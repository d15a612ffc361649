// Endpoints that only this machine can reach: unix sockets, which have a name in a folder.

const IPC = "ipc://";

/** True for a unix socket. */
export function isLocal(endpoint: string): boolean {
  return endpoint.startsWith(IPC);
}

/** The path of a unix socket's endpoint. */
export function pathOf(endpoint: string): string {
  return endpoint.slice(IPC.length);
}
